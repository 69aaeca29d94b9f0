/* What tessera bench prints of a model. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

/* Figures that follow from what was measured; times and shares are medians of the rounds. */
typedef struct derived {
    tsr_peak peak;
    double step, profiled_step; /* seconds */
    double profiled_steps;      /* of all rounds */
    double flops;               /* of a step, counted as dense work */
    double launches;            /* of a step */
    double inside;              /* seconds of a profiled step that kernels take */
    double share;               /* of a profiled step that kernels take */
    double ratio;               /* of the time of a step to that of its dense work at the round's peak */
} derived;

static derived derive(const bench_results *results)
{
    derived d = {.profiled_steps = (double)(BENCH_ROUNDS * results->steps)};
    double flops[BENCH_ROUNDS], bandwidth[BENCH_ROUNDS], launch[BENCH_ROUNDS], step[BENCH_ROUNDS],
        profiled[BENCH_ROUNDS], inside[BENCH_ROUNDS], share[BENCH_ROUNDS], ratio[BENCH_ROUNDS];
    for (size_t i = 0; i < results->part_count; i++) {
        d.flops += results->parts[i].flops / d.profiled_steps;
        d.launches += (double)results->parts[i].launches / d.profiled_steps;
    }
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        const bench_round *round = &results->rounds[i];
        flops[i] = round->peak.flops;
        bandwidth[i] = round->peak.bandwidth;
        launch[i] = round->peak.launch_seconds;
        step[i] = round->step;
        profiled[i] = round->profiled_step;
        inside[i] = round->inside;
        share[i] = round->inside / round->profiled_step;
        ratio[i] = d.flops > 0 ? round->step / (d.flops / round->peak.flops) : 0;
    }
    d.peak.flops = bench_median(flops, BENCH_ROUNDS);
    d.peak.bandwidth = bench_median(bandwidth, BENCH_ROUNDS);
    d.peak.launch_seconds = bench_median(launch, BENCH_ROUNDS);
    d.step = bench_median(step, BENCH_ROUNDS);
    d.profiled_step = bench_median(profiled, BENCH_ROUNDS);
    d.inside = bench_median(inside, BENCH_ROUNDS);
    d.share = bench_median(share, BENCH_ROUNDS);
    d.ratio = bench_median(ratio, BENCH_ROUNDS);
    return d;
}

/* Operations a second of the implementation whose work is counted in this row, all its kernels included; 0 where there
 * is none. */
static double rate(const bench_results *results, size_t row)
{
    const tsr_profile_row *part = &results->parts[row];
    size_t length = strcspn(part->name, "/");
    double seconds = 0;
    for (size_t i = 0; i < results->part_count; i++) {
        const tsr_profile_row *other = &results->parts[i];
        if (!strcmp(other->layers, part->layers) && !strncmp(other->name, part->name, length) &&
            strcspn(other->name, "/") == length)
            seconds += other->seconds;
    }
    return part->flops > 0 && seconds > 0 ? part->flops / seconds : 0;
}

static void print_parts(const bench_results *results, const derived *d)
{
    int name = (int)strlen("KERNEL"), layers = (int)strlen("LAYERS");
    for (size_t i = 0; i < results->part_count; i++) {
        if ((int)strlen(results->parts[i].name) > name) name = (int)strlen(results->parts[i].name);
        if ((int)strlen(results->parts[i].layers) > layers) layers = (int)strlen(results->parts[i].layers);
    }
    double all = 0; /* seconds of the kernels of a step, the mean of the rounds as each kernel's are */
    for (size_t i = 0; i < results->part_count; i++) all += results->parts[i].seconds / d->profiled_steps;
    printf("%-*s  %-*s  LAUNCHES  MS A STEP    SHARE  GFLOP/S  OF PEAK\n", name, "KERNEL", layers, "LAYERS");
    for (size_t i = 0; i < results->part_count; i++) {
        const tsr_profile_row *part = &results->parts[i];
        double speed = rate(results, i), seconds = part->seconds / d->profiled_steps;
        printf("%-*s  %-*s  %8.4g  %9.4f  %5.1f %%", name, part->name, layers, part->layers,
               (double)part->launches / d->profiled_steps, seconds * 1e3, seconds / all * 100);
        if (speed > 0) printf("  %7.1f  %5.1f %%", speed * 1e-9, speed / d->peak.flops * 100);
        putchar('\n');
    }
}

void bench_print(const bench_settings *settings, const work_images *workload, const bench_results *results)
{
    derived d = derive(results);
    printf("Images: %s\n", workload->source);
    printf("Ready to train after %.2f s (kernels built, first step done)\n", results->ready);
    printf("Peak, measured: %.1f GFLOP/s, %.1f GB/s, %.1f us a launch\n\n", d.peak.flops * 1e-9,
           d.peak.bandwidth * 1e-9, d.peak.launch_seconds * 1e6);

    printf("Training, batch %lld: %.3f ms a step, %.0f images/s (median of %d rounds of %lld steps)\n",
           (long long)settings->batch_size, d.step * 1e3, (double)settings->batch_size / d.step, BENCH_ROUNDS,
           (long long)results->steps);
    if (d.flops > 0)
        printf("  %.1f MFLOP a step counted as dense work: %.1f GFLOP/s, %.2f times the time that it takes at the "
               "peak\n",
               d.flops * 1e-6, d.flops / d.step * 1e-9, d.ratio);
    printf("  %.4g launches a step, %.1f %% of it inside kernels (%.3f of %.3f ms while they are measured)\n",
           d.launches, d.share * 100, d.inside * 1e3, d.profiled_step * 1e3);
    for (int i = 0; i < BENCH_PREDICTIONS; i++) {
        const bench_prediction *p = &results->predictions[i];
        if (p->batch_size)
            printf("Prediction, batch %d: ", (int)p->batch_size);
        else
            printf("Prediction, batch size left to the library: ");
        printf("%.0f images/s (%lld images in %.2f ms)\n", (double)p->images / p->seconds, (long long)p->images,
               p->seconds * 1e3);
    }
    printf("One image, from host memory to its prediction: %.3f ms\n\n", results->answer * 1e3);
    print_parts(results, &d);
}

static json_t *parts_json(const bench_results *results, const derived *d)
{
    json_t *parts = json_array();
    for (size_t i = 0; i < results->part_count; i++) {
        const tsr_profile_row *part = &results->parts[i];
        double speed = rate(results, i);
        json_t *row = json_pack("{s:s, s:o, s:f, s:f, s:f}", "name", part->name, "layers", command_text(part->layers),
                                "launches", (double)part->launches / d->profiled_steps, "seconds",
                                part->seconds / d->profiled_steps, "flops", part->flops / d->profiled_steps);
        if (row && speed > 0) {
            json_object_set_new(row, "flops_per_second", json_real(speed));
            json_object_set_new(row, "peak_share", json_real(speed / d->peak.flops));
        }
        json_array_append_new(parts, row);
    }
    return parts;
}

static json_t *peak_json(const tsr_peak *peak)
{
    return json_pack("{s:f, s:f, s:f}", "flops_per_second", peak->flops, "bytes_per_second", peak->bandwidth,
                     "launch_seconds", peak->launch_seconds);
}

static json_t *rounds_json(const bench_results *results)
{
    json_t *rounds = json_array();
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        const bench_round *round = &results->rounds[i];
        json_array_append_new(rounds, json_pack("{s:o, s:f, s:f, s:f}", "peak", peak_json(&round->peak), "step_seconds",
                                                round->step, "measured_step_seconds", round->profiled_step,
                                                "kernel_seconds", round->inside));
    }
    return rounds;
}

static json_t *training_json(const bench_settings *settings, const bench_results *results, const derived *d)
{
    return json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o}", "batch_size",
                     (json_int_t)settings->batch_size, "steps", (json_int_t)results->steps, "step_seconds", d->step,
                     "images_per_second", (double)settings->batch_size / d->step, "flops", d->flops, "flops_per_second",
                     d->flops / d->step, "dense_time_ratio", d->ratio, "launches", d->launches, "measured_step_seconds",
                     d->profiled_step, "kernel_seconds", d->inside, "kernel_share", d->share, "rounds",
                     rounds_json(results));
}

json_t *bench_json(const bench_settings *settings, const work_images *workload, const bench_results *results,
                   const tsr_device *device)
{
    derived d = derive(results);
    json_t *predictions = json_array();
    for (int i = 0; i < BENCH_PREDICTIONS; i++) {
        const bench_prediction *p = &results->predictions[i];
        json_t *row = json_pack("{s:I, s:f, s:f}", "images", (json_int_t)p->images, "seconds", p->seconds,
                                "images_per_second", (double)p->images / p->seconds);
        if (row)
            json_object_set_new(row, "batch_size", p->batch_size ? json_integer(p->batch_size) : json_string("auto"));
        json_array_append_new(predictions, row);
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:f}", "version", tsr_version(), "device",
                     command_device_json(tsr_device_get_info(device)), "model",
                     command_text(settings->model ? settings->model : "reference"), "images",
                     command_text(workload->source), "ready_seconds", results->ready, "peak", peak_json(&d.peak),
                     "training", training_json(settings, results, &d), "kernels", parts_json(results, &d), "prediction",
                     predictions, "one_image_seconds", results->answer);
}
