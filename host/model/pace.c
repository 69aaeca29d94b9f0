#include "model/pace.h"

#include "base/time.h"

/* Seconds of work from a mark to the next. */
static const double chunk_seconds = 0.025;
enum { LONGEST_CHUNK = 1024 };

void tsr_pace_begin(tsr_pace *pace, tsr_runner *runner)
{
    int32_t chunk = pace->chunk ? pace->chunk : 1;
    *pace = (tsr_pace){.runner = runner, .chunk = chunk, .last = tsr_seconds()};
}

/* Takes the time of the chunk that has just ended, and chooses the length of the next ones by it. */
static void adapt(tsr_pace *pace)
{
    double now = tsr_seconds(), elapsed = now - pace->last;
    pace->last = now;
    if (elapsed < chunk_seconds / 2 && pace->chunk < LONGEST_CHUNK) pace->chunk *= 2;
    if (elapsed > chunk_seconds * 2 && pace->chunk > 1) pace->chunk /= 2;
}

static tsr_status wait_for(tsr_pace *pace, tsr_pace_mark *mark)
{
    tsr_status status =
        tsr_check(clWaitForEvents(1, &mark->event), pace->runner->model->device, "waiting for a step of the training");
    clReleaseEvent(mark->event);
    mark->event = NULL;
    return status;
}

tsr_status tsr_pace_step(tsr_pace *pace, const tsr_pace_mark **reached)
{
    *reached = NULL;
    if (++pace->since < pace->chunk) return TSR_OK;
    pace->since = 0;
    tsr_pace_mark *mark = &pace->marks[pace->next];
    mark->batches = pace->runner->batches_done;
    tsr_status status = tsr_runner_enqueue_read(pace->runner, &mark->sums, &mark->event);
    if (status) return status;
    pace->next = (pace->next + 1) % TSR_PACE_MARKS;
    tsr_pace_mark *oldest = &pace->marks[pace->next];
    if (!oldest->event) return TSR_OK;
    status = wait_for(pace, oldest);
    adapt(pace);
    *reached = oldest;
    return status;
}

tsr_status tsr_pace_end(tsr_pace *pace)
{
    /* Reads may be under way that no mark knows of, when enqueueing one of them failed. */
    tsr_status status = tsr_device_finish(pace->runner->model->device);
    for (int i = 0; i < TSR_PACE_MARKS; i++) {
        if (pace->marks[i].event) clReleaseEvent(pace->marks[i].event);
        pace->marks[i].event = NULL;
    }
    return status;
}
