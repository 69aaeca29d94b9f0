/* Quantiles of measurements. */
#ifndef TSR_BASE_QUANTILE_H
#define TSR_BASE_QUANTILE_H

/* The value below which this part of the `count` values, at least one, lies, 0.5: the median; sorts them. */
double tsr_quantile(double *values, int count, double part);

#endif
