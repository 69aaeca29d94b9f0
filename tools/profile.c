#include "profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double total_seconds(const tsr_profile_row *rows, size_t count)
{
    double total = 0;
    for (size_t i = 0; i < count; i++) total += rows[i].seconds;
    return total;
}

tsr_status profile_print(tsr_device *device)
{
    tsr_profile_row *rows;
    size_t count;
    int width = (int)strlen("KERNEL");
    tsr_status status = tsr_device_profile(device, &rows, &count);
    if (status) return status;
    double total = total_seconds(rows, count);
    for (size_t i = 0; i < count; i++)
        if ((int)strlen(rows[i].name) > width) width = (int)strlen(rows[i].name);
    printf("%-*s  LAUNCHES    TIME (s)  EACH (us)    SHARE  LAYERS\n", width, "KERNEL");
    for (size_t i = 0; i < count; i++)
        printf("%-*s  %8llu  %10.3f  %9.1f  %5.1f %%  %s\n", width, rows[i].name, (unsigned long long)rows[i].launches,
               rows[i].seconds, rows[i].seconds / (double)rows[i].launches * 1e6,
               total > 0 ? rows[i].seconds / total * 100 : 0, rows[i].layers);
    printf("%-*s  %8s  %10.3f\n", width, "all", "", total);
    free(rows);
    return TSR_OK;
}
