/* tessera devices: which OpenCL devices there are. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A size in the largest binary unit that leaves it at least 1: "5.1 GiB". */
static void describe_size(uint64_t bytes, char *text, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    int unit = 0;
    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    snprintf(text, size, value == (double)(uint64_t)value ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

/* What a person should know of the device. */
static void print_notes(const tsr_device_info *info)
{
    tsr_device_note note;
    if (info->same_as >= 0)
        printf("      the same hardware as %d, whose driver is chosen before this one\n", (int)info->same_as);
    for (size_t i = 0; tsr_device_quirk(info, i, &note); i++)
        if (note.serious) printf("      %s; %s\n", note.reason, tsr_quirk_text(note.quirk));
}

static void print_table(const tsr_device_info *list, size_t count)
{
    int width = (int)strlen("DEVICE");
    for (size_t i = 0; i < count; i++)
        if ((int)strlen(list[i].name) > width) width = (int)strlen(list[i].name);
    printf("   #  %-*s  %-19s  UNITS  %10s  %8s  GROUP  %8s  VECTOR  FP16  FP64\n", width, "DEVICE", "TYPE", "MEMORY",
           "LARGEST", "LOCAL");
    for (size_t i = 0; i < count; i++) {
        const tsr_device_info *info = &list[i];
        char memory[32], largest[32], local[32];
        describe_size(info->memory, memory, sizeof memory);
        describe_size(info->max_allocation, largest, sizeof largest);
        describe_size(info->local_memory, local, sizeof local);
        printf("%c %2zu  %-*s  %-19s  %5u  %10s  %8s  %5zu  %8s  %6u  %-4s  %-4s\n", info->chosen ? '*' : ' ', i, width,
               info->name, tsr_device_type_text(info->type), info->compute_units, memory, largest, info->max_work_group,
               local, info->vector_width, info->fp16 ? "yes" : "no", info->fp64 ? "yes" : "no");
        printf("      %s, %s, driver %s\n", info->platform, info->version, info->driver);
        print_notes(info);
    }
    fputs("\n* is the device that would be used; choose another with --device NUMBER or a part of its name.\n", stdout);
}

static json_t *make_notes(const tsr_device_info *info)
{
    json_t *notes = json_array();
    tsr_device_note note;
    for (size_t i = 0; tsr_device_quirk(info, i, &note); i++)
        json_array_append_new(notes, json_pack("{s:s, s:s, s:b}", "reason", note.reason, "effect",
                                               tsr_quirk_text(note.quirk), "serious", note.serious));
    return notes;
}

static json_t *make_json(const tsr_device_info *list, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        const tsr_device_info *info = &list[i];
        json_t *device = json_pack(
            "{s:I, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:b, s:I, s:[I, I, I], s:I, s:b, s:b, "
            "s:s, s:o, s:o}",
            "index", (json_int_t)i, "chosen", info->chosen, "platform", command_text(info->platform),
            "platform_version", command_text(info->platform_version), "name", command_text(info->name), "vendor",
            command_text(info->vendor), "driver", command_text(info->driver), "version", command_text(info->version),
            "type", tsr_device_type_text(info->type), "compute_units", (json_int_t)info->compute_units, "memory",
            (json_int_t)info->memory, "max_allocation", (json_int_t)info->max_allocation, "local_memory",
            (json_int_t)info->local_memory, "local_memory_dedicated", info->local_memory_dedicated, "max_work_group",
            (json_int_t)info->max_work_group, "max_work_items", (json_int_t)info->max_work_items[0],
            (json_int_t)info->max_work_items[1], (json_int_t)info->max_work_items[2], "vector_width",
            (json_int_t)info->vector_width, "fp16", info->fp16, "fp64", info->fp64, "pci", info->pci, "same_as",
            info->same_as >= 0 ? json_integer(info->same_as) : json_null(), "notes", make_notes(info));
        if (!device || json_array_append_new(array, device) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static int run(const command *self, int argument_count, char **arguments)
{
    const char *wanted = NULL;
    bool json = false;
    int code;
    tsr_device_info *list;
    size_t count;
    command_operands operands;
    const command_option options[] = {
        {.name = "device",
         .argument = "D",
         .kind = OPTION_TEXT,
         .value = &wanted,
         .help = "mark the device that this number or part of a name chooses",
         .otherwise = "TESSERA_DEVICE, else the best"},
        OPTION_JSON(&json),
    };
    if (!command_read(self, options, 2, 0, 0, argument_count, arguments, &operands, &code)) return code;
    tsr_status status = tsr_device_list(wanted, &list, &count);
    if (status) return command_fail(self, status);
    bool chosen = false;
    for (size_t i = 0; i < count; i++) chosen |= list[i].chosen;
    if (json)
        code = command_print_json(self, make_json(list, count));
    else
        print_table(list, count);
    free(list);
    if (!json) code = DONE;
    if (chosen) return code;
    /* Opening it says why nothing is marked. */
    tsr_device *device;
    status = tsr_device_open(wanted, false, &device);
    if (status) return command_fail(self, status);
    tsr_device_close(device);
    return code;
}

const command command_devices = {"devices", "", "List the OpenCL devices and mark the one that would be used", run};
