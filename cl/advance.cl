/* Moves the clock (step, position, next, 0) to the next batch unless the stop mark, counts[2], is set. One item. */
kernel void advance(global int *restrict clock, const global int *restrict counts, int batch)
{
    if (get_global_id(0) > 0 || counts[2] != 0) return;
    clock[0] += 1;
    clock[1] = clock[2];
    clock[2] += batch;
}
