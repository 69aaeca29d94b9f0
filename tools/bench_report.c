/* What tessera bench prints of a model. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

/* Figures that follow from what was measured. */
typedef struct derived {
    double flops;    /* of a step, counted as dense work */
    double inside;   /* seconds of a step that kernels take */
    double launches; /* of a step */
    double ratio;    /* of the time of a step to that of its dense work at the peak */
} derived;

static derived derive(const bench_results *results)
{
    derived d = {0};
    for (size_t i = 0; i < results->part_count; i++) {
        d.flops += results->parts[i].flops;
        d.inside += results->parts[i].seconds;
        d.launches += (double)results->parts[i].launches;
    }
    d.flops /= (double)results->profiled_steps;
    d.inside /= (double)results->profiled_steps;
    d.launches /= (double)results->profiled_steps;
    d.ratio = d.flops > 0 ? results->step / (d.flops / results->peak.flops) : 0;
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
    printf("%-*s  %-*s  LAUNCHES  MS A STEP    SHARE  GFLOP/S  OF PEAK\n", name, "KERNEL", layers, "LAYERS");
    for (size_t i = 0; i < results->part_count; i++) {
        const tsr_profile_row *part = &results->parts[i];
        double speed = rate(results, i), steps = (double)results->profiled_steps;
        printf("%-*s  %-*s  %8.4g  %9.4f  %5.1f %%", name, part->name, layers, part->layers,
               (double)part->launches / steps, part->seconds / steps * 1e3, part->seconds / steps / d->inside * 100);
        if (speed > 0) printf("  %7.1f  %5.1f %%", speed * 1e-9, speed / results->peak.flops * 100);
        putchar('\n');
    }
}

void bench_print(const bench_settings *settings, const bench_workload *workload, const bench_results *results)
{
    derived d = derive(results);
    printf("Images: %s\n", workload->source);
    printf("Ready to train after %.2f s (kernels built, first step done)\n", results->ready);
    printf("Peak, measured: %.1f GFLOP/s, %.1f GB/s, %.1f us a launch\n\n", results->peak.flops * 1e-9,
           results->peak.bandwidth * 1e-9, results->peak.launch_seconds * 1e6);

    printf("Training, batch %lld: %.3f ms a step, %.0f images/s (median of %d rounds of %lld steps)\n",
           (long long)settings->batch_size, results->step * 1e3, (double)settings->batch_size / results->step,
           BENCH_ROUNDS, (long long)results->steps);
    if (d.flops > 0)
        printf("  %.1f MFLOP a step counted as dense work: %.1f GFLOP/s, %.2f times the time that it takes at the "
               "peak\n",
               d.flops * 1e-6, d.flops / results->step * 1e-9, d.ratio);
    printf("  %.4g launches a step; %.3f ms of it, %.1f %%, inside kernels (%.1f %% of the %.3f ms while they are "
           "measured)\n",
           d.launches, d.inside * 1e3, d.inside / results->step * 100, d.inside / results->profiled_step * 100,
           results->profiled_step * 1e3);
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

static json_t *parts_json(const bench_results *results)
{
    json_t *parts = json_array();
    double steps = (double)results->profiled_steps;
    for (size_t i = 0; i < results->part_count; i++) {
        const tsr_profile_row *part = &results->parts[i];
        double speed = rate(results, i);
        json_t *row =
            json_pack("{s:s, s:s, s:f, s:f, s:f}", "name", part->name, "layers", part->layers, "launches",
                      (double)part->launches / steps, "seconds", part->seconds / steps, "flops", part->flops / steps);
        if (row && speed > 0) {
            json_object_set_new(row, "flops_per_second", json_real(speed));
            json_object_set_new(row, "peak_share", json_real(speed / results->peak.flops));
        }
        json_array_append_new(parts, row);
    }
    return parts;
}

static json_t *training_json(const bench_settings *settings, const bench_results *results)
{
    derived d = derive(results);
    return json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "batch_size",
                     (json_int_t)settings->batch_size, "steps", (json_int_t)results->steps, "step_seconds",
                     results->step, "images_per_second", (double)settings->batch_size / results->step, "flops", d.flops,
                     "flops_per_second", d.flops / results->step, "dense_time_ratio", d.ratio, "launches", d.launches,
                     "kernel_seconds", d.inside, "kernel_share", d.inside / results->step, "measured_step_seconds",
                     results->profiled_step);
}

json_t *bench_json(const bench_settings *settings, const bench_workload *workload, const bench_results *results,
                   const tsr_device *device)
{
    json_t *predictions = json_array();
    for (int i = 0; i < BENCH_PREDICTIONS; i++) {
        const bench_prediction *p = &results->predictions[i];
        json_t *row = json_pack("{s:I, s:f, s:f}", "images", (json_int_t)p->images, "seconds", p->seconds,
                                "images_per_second", (double)p->images / p->seconds);
        if (row)
            json_object_set_new(row, "batch_size", p->batch_size ? json_integer(p->batch_size) : json_string("auto"));
        json_array_append_new(predictions, row);
    }
    return json_pack("{s:s, s:o, s:s, s:s, s:f, s:{s:f, s:f, s:f}, s:o, s:o, s:o, s:f}", "version", tsr_version(),
                     "device", command_device_json(tsr_device_get_info(device)), "model",
                     settings->model ? settings->model : "reference", "images", workload->source, "ready_seconds",
                     results->ready, "peak", "flops_per_second", results->peak.flops, "bytes_per_second",
                     results->peak.bandwidth, "launch_seconds", results->peak.launch_seconds, "training",
                     training_json(settings, results), "kernels", parts_json(results), "prediction", predictions,
                     "one_image_seconds", results->answer);
}
