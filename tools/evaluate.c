/* tessera evaluate: loss and accuracy of a model. */
#include "options.h"
#include "samples.h"

#include <stdio.h>

static const char *const splits[] = {"test", "validation", NULL};

typedef struct evaluate_settings {
    const char *model, *data, *device;
    int split, gemm;
    int64_t split_seed, batch_size;
    bool json;
} evaluate_settings;

static bool read_settings(const command *self, int count, char **arguments, evaluate_settings *settings, int *code)
{
    const command_option options[] = {
        OPTION_DATA(&settings->data, ""),
        {.name = "split",
         .kind = OPTION_CHOICE,
         .value = &settings->split,
         .choices = splits,
         .help = "which images: the test set, or those that training held out"},
        {.name = "split-seed",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->split_seed,
         .minimum = 0,
         .maximum = 4294967295.0,
         .help = "of the split into training and validation images"},
        {.name = "batch-size",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->batch_size,
         .minimum = 0,
         .maximum = 1000000,
         .help = "images in a step",
         .otherwise = "one that suits the device"},
        OPTION_DEVICE(&settings->device),
        OPTION_GEMM(&settings->gemm),
        OPTION_JSON(&settings->json),
    };
    command_operands operands;
    if (!command_read(self, options, sizeof options / sizeof options[0], 1, 1, count, arguments, &operands, code))
        return false;
    settings->model = operands.at[0];
    return true;
}

static int print_result(const command *self, const evaluate_settings *settings, const tsr_metrics *metrics,
                        double seconds)
{
    if (settings->json)
        return command_print_json(self,
                                  json_pack("{s:o, s:s, s:I, s:o, s:o, s:f}", "model", command_text(settings->model),
                                            "split", splits[settings->split], "samples", (json_int_t)metrics->samples,
                                            "loss", command_number(metrics->loss), "accuracy",
                                            command_number(metrics->accuracy), "seconds", seconds));
    printf("%lld %s images - %.2fs - loss: %.4f - accuracy: %.4f\n", (long long)metrics->samples,
           splits[settings->split], seconds, metrics->loss, metrics->accuracy);
    return DONE;
}

static int evaluate(const command *self, const evaluate_settings *settings, tsr_model *model, tsr_device **device)
{
    sample_set samples;
    tsr_metrics metrics;
    int code = samples_read(self, settings->data, (uint32_t)settings->split_seed, &samples);
    if (!code) code = samples_check(self, &samples, model);
    if (code) {
        samples_clear(&samples);
        return code;
    }
    tsr_status status = command_open_device(settings->device, false, device);
    if (!status) status = tsr_model_compile(model, *device, &(tsr_compile_options){.gemm = (tsr_gemm)settings->gemm});
    double start = command_seconds();
    if (!status)
        status = tsr_model_evaluate(model, settings->split == 0 ? &samples.test : &samples.validation,
                                    (int32_t)settings->batch_size, &metrics);
    double seconds = command_seconds() - start;
    code = status ? command_fail(self, status) : print_result(self, settings, &metrics, seconds);
    samples_clear(&samples);
    return code;
}

static int run(const command *self, int count, char **arguments)
{
    evaluate_settings settings = {.split_seed = 42};
    tsr_model *model = NULL;
    tsr_device *device = NULL;
    int code;
    if (!read_settings(self, count, arguments, &settings, &code)) return code;
    code = command_open_trained(self, settings.model, &model);
    if (!code) code = evaluate(self, &settings, model, &device);
    tsr_model_free(model);
    tsr_device_close(device);
    return code;
}

const command command_evaluate = {"evaluate", "MODEL", "Measure a model's loss and accuracy", run};
