/* The table of symptoms, for tests to go through, and the functions of its rows. */
#ifndef TSR_DEVICE_SYMPTOMS_H
#define TSR_DEVICE_SYMPTOMS_H

#include "base/text.h"
#include "tessera/doctor.h"

/* The name of a row, from 0 on; NULL behind the last one. */
const char *tsr_symptom_name(size_t index);

/* Whether the symptom is there; then `say` gets what is seen, why, and what to do. */
typedef bool tsr_symptom_seen(const tsr_facts *facts, tsr_text *say);

/* Of the machine: host/device/symptoms_machine.c. */
tsr_symptom_seen tsr_symptom_driver_crashes, tsr_symptom_driver_hangs, tsr_symptom_drivers_clash,
    tsr_symptom_driver_broken, tsr_symptom_no_driver, tsr_symptom_amd_without_rights, tsr_symptom_node_without_rights,
    tsr_symptom_rusticl_not_enabled, tsr_symptom_card_without_driver, tsr_symptom_wsl_without_gpu,
    tsr_symptom_hidden_devices, tsr_symptom_no_device, tsr_symptom_cache_not_ones_own, tsr_symptom_shader_cache_off,
    tsr_symptom_layers_between;

/* Of devices: host/device/symptoms_devices.c. */
tsr_symptom_seen tsr_symptom_nothing_chosen, tsr_symptom_unfit_driver, tsr_symptom_doubtful_driver,
    tsr_symptom_wrong_results, tsr_symptom_failing_kernels, tsr_symptom_too_slow, tsr_symptom_intel_gpu_hangs,
    tsr_symptom_bad_end, tsr_symptom_queue_on_apu, tsr_symptom_little_memory, tsr_symptom_listed_twice,
    tsr_symptom_another_is_faster;

/* An environment variable is there and not empty. */
bool tsr_is_set(const tsr_facts *facts, const char *name);

#endif
