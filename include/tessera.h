/* Tessera: trains and runs convolutional networks on any OpenCL device. This header brings in all of the library. */
#ifndef TESSERA_H
#define TESSERA_H

#include "tessera/status.h"
#include "tessera/device.h"
#include "tessera/doctor.h"
#include "tessera/ops.h"
#include "tessera/plan.h"
#include "tessera/model.h"
#include "tessera/tune.h"
#include "tessera/check.h"
#include "tessera/io.h"

#endif
