/* The table of symptoms, for tests to go through. */
#ifndef TSR_DEVICE_SYMPTOMS_H
#define TSR_DEVICE_SYMPTOMS_H

#include "tessera/doctor.h"

/* The name of a row, from 0 on; NULL behind the last one. */
const char *tsr_symptom_name(size_t index);

#endif
