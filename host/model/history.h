/* The rows of a history. */
#ifndef TSR_MODEL_HISTORY_H
#define TSR_MODEL_HISTORY_H

#include "base/status.h"
#include "tessera/model.h"

tsr_status tsr_history_add(tsr_history *history, const tsr_epoch *epoch);

#endif
