/* tessera plot: the network as a picture. */
#include "options.h"

#include <stdio.h>

static int run(const command *self, int count, char **arguments)
{
    const char *output = "cnn-architecture.png";
    bool show_shapes = false;
    int64_t dpi = 96;
    command_operands operands;
    tsr_model *model = NULL;
    int code;
    const command_option options[] = {
        {.name = "output",
         .argument = "FILE",
         .kind = OPTION_TEXT,
         .value = &output,
         .help = "picture to write: .png, .svg, or .dot (Graphviz's input)"},
        {.name = "show-shapes", .kind = OPTION_FLAG, .value = &show_shapes, .help = "with input and output shapes"},
        {.name = "dpi",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &dpi,
         .minimum = 10,
         .maximum = 2400,
         .help = "dots per inch of a .png"},
    };
    if (!command_read(self, options, 3, 0, 1, count, arguments, &operands, &code)) return code;
    const char *path = operands.count ? operands.at[0] : NULL;
    if (!command_try_model(self, path)) return FAILED;
    tsr_status status = command_open_model(path, &model, NULL);
    if (!status) status = tsr_model_plot(model, output, show_shapes, (int32_t)dpi);
    if (!status) fprintf(stderr, "Wrote %s\n", output);
    tsr_model_free(model);
    return status ? command_fail(self, status) : DONE;
}

const command command_plot = {"plot", "[MODEL]", "Draw a model's layers (without MODEL: the reference network's)", run};
