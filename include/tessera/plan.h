/* What becomes of a network: the plan's description for people and for scripts. */
#ifndef TESSERA_PLAN_H
#define TESSERA_PLAN_H

#include "tessera/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tsr_explain_options {
    int32_t batch_size; /* 0: 32 */
    bool inference;     /* without gradients */
    bool no_fusion;     /* every primitive on its own */
    tsr_gemm gemm;
    bool json;
} tsr_explain_options;

#ifdef __cplusplus
}
#endif
#endif
