/* tessera explain: what becomes of a model on a device. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>

static int run(const command *self, int count, char **arguments)
{
    const char *wanted = NULL;
    int64_t batch_size = 32;
    int gemm = TSR_GEMM_AUTO, code;
    bool inference = false, no_fusion = false, json = false;
    command_operands operands;
    tsr_model *model = NULL;
    tsr_device *device = NULL;
    char *text = NULL;
    const command_option options[] = {
        {.name = "batch-size",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &batch_size,
         .minimum = 1,
         .maximum = 1000000,
         .help = "images in a step"},
        {.name = "inference",
         .kind = OPTION_FLAG,
         .value = &inference,
         .help = "prediction rather than a training step"},
        OPTION_DEVICE(&wanted),
        OPTION_GEMM(&gemm),
        {.name = "no-fusion", .kind = OPTION_FLAG, .value = &no_fusion, .help = "every primitive on its own"},
        OPTION_JSON(&json),
    };
    if (!command_read(self, options, sizeof options / sizeof options[0], 0, 1, count, arguments, &operands, &code))
        return code;
    const char *path = operands.count ? operands.at[0] : NULL;
    if (!command_try_model(self, path)) return FAILED;
    tsr_status status = command_open_model(path, &model, NULL);
    if (!status) status = command_open_device(wanted, false, &device);
    if (!status)
        status = tsr_model_explain(model, device,
                                   &(tsr_explain_options){.batch_size = (int32_t)batch_size,
                                                          .inference = inference,
                                                          .no_fusion = no_fusion,
                                                          .gemm = (tsr_gemm)gemm,
                                                          .json = json},
                                   &text);
    code = status ? command_fail(self, status) : DONE;
    if (text) fputs(text, stdout);
    free(text);
    tsr_model_free(model);
    tsr_device_close(device);
    return code;
}

const command command_explain = {
    "explain", "[MODEL]", "Show what becomes of a model on a device (without MODEL: of the reference network)", run};
