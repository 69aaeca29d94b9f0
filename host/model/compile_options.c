/* Adam and SGD in Keras's vocabulary: defaults, checks, and the update that they stand for. */
#include "model/model.h"
#include "ops/optimizer.h"

#include <math.h>

static tsr_status check_range(const char *option, float value, float minimum, float limit)
{
    if (value >= minimum && value < limit) return TSR_OK;
    if (isinf(limit))
        return tsr_fail(TSR_INVALID_ARGUMENT, "%s is %g, where a number of at least %g is wanted", option, value,
                        minimum);
    return tsr_fail(TSR_INVALID_ARGUMENT, "%s is %g, where %g <= %s < %g is wanted", option, value, minimum, option,
                    limit);
}

tsr_status tsr_compile_options_complete(tsr_compile_options *options)
{
    if (options->learning_rate == 0) options->learning_rate = options->sgd ? 0.01f : 0.001f;
    if (options->beta_1 == 0) options->beta_1 = 0.9f;
    if (options->beta_2 == 0) options->beta_2 = 0.999f;
    if (options->epsilon == 0) options->epsilon = 1e-7f;
    const struct {
        const char *option;
        float value, limit;
    } checks[] = {
        {"learning_rate", options->learning_rate, INFINITY},
        {"momentum", options->momentum, 1},
        {"beta_1", options->beta_1, 1},
        {"beta_2", options->beta_2, 1},
        {"epsilon", options->epsilon, INFINITY},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        tsr_status status = check_range(checks[i].option, checks[i].value, 0, checks[i].limit);
        if (status) return status;
    }
    return TSR_OK;
}

tsr_update_descriptor tsr_compile_options_update(const tsr_compile_options *options)
{
    return (tsr_update_descriptor){.optimizer = options->sgd ? TSR_OPTIMIZER_SGD : TSR_OPTIMIZER_ADAM,
                                   .beta_1 = options->beta_1,
                                   .beta_2 = options->beta_2,
                                   .epsilon = options->epsilon,
                                   .momentum = options->momentum};
}

int tsr_compile_options_moments(const tsr_compile_options *options)
{
    tsr_update_descriptor update = tsr_compile_options_update(options);
    return tsr_optimizer_moments(&update);
}
