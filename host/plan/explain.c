/* Describes a plan: one tree of facts, printed as JSON for scripts or as tables for a person. */
#include "base/memory.h"
#include "ops/primitive.h"
#include "plan/internal.h"

#include <jansson.h>
#include <string.h>

/* Bytes of the operands that cross the span's border, as the graph defines them: a gather reads its batch alone. */
static double bytes_read(const tsr_plan *plan, const tsr_covered *step)
{
    double bytes = 0;
    for (size_t v = 0; v < plan->graph.value_count; v++) {
        if (!tsr_covered_reads(step, (int)v)) continue;
        const tsr_value *value = &plan->graph.values[v];
        double whole = (double)tsr_value_bytes(value);
        for (int i = 0; i < step->span.count; i++) {
            const tsr_primitive *p = &plan->graph.primitives[step->span.primitives[i]];
            if (p->kind != TSR_KIND_GATHER || p->inputs[2] == (int)v) continue;
            double part = p->inputs[0] == (int)v   ? (double)p->as.gather.batch * p->as.gather.sample
                          : p->inputs[1] == (int)v ? (double)p->as.gather.batch
                                                   : 0;
            if (part > 0) whole = part * (double)tsr_dtype_size(value->dtype);
        }
        bytes += whole;
    }
    return bytes;
}

static double bytes_written(const tsr_plan *plan, const tsr_covered *step)
{
    double bytes = 0;
    for (int i = 0; i < step->span.store_count; i++)
        bytes += (double)tsr_value_bytes(&plan->graph.values[step->span.stores[i]]) *
                 plan->views[step->span.stores[i]].partials;
    return bytes;
}

static json_t *shape_of(const tsr_value *value)
{
    json_t *shape = json_array();
    for (int i = 0; i < value->rank; i++) json_array_append_new(shape, json_integer(value->extent[i]));
    return shape;
}

static json_t *describe_primitive(const tsr_plan *plan, int number, const char *const *layer_names)
{
    const tsr_primitive *p = &plan->graph.primitives[number];
    json_t *inputs = json_array(), *outputs = json_array();
    for (int i = 0; i < p->input_count; i++)
        json_array_append_new(inputs, json_string(plan->graph.values[p->inputs[i]].name));
    for (int i = 0; i < p->output_count; i++)
        json_array_append_new(outputs, json_string(plan->graph.values[p->outputs[i]].name));
    return json_pack("{s:i, s:s, s:s, s:o, s:o}", "number", number, "kind", tsr_kind_name(p->kind), "layer",
                     p->layer == TSR_NONE || !layer_names ? "" : layer_names[p->layer], "reads", inputs, "makes",
                     outputs);
}

/* Implementations that come before the one taken, matched one of its primitives, and were not taken. */
static json_t *describe_refusals(const tsr_plan *plan, const tsr_covered *step)
{
    json_t *refusals = json_array();
    size_t count;
    const tsr_implementation *const *all = tsr_implementations(&count);
    for (size_t i = 0; i < count && all[i] != step->implementation; i++)
        for (size_t n = 0; n < plan->cover.note_count; n++) {
            const tsr_cover_note *note = &plan->cover.notes[n];
            if (note->implementation == all[i] && tsr_span_has(&step->span, note->anchor))
                json_array_append_new(refusals,
                                      json_pack("{s:s, s:s}", "implementation", all[i]->name, "reason", note->reason));
        }
    return refusals;
}

static json_t *describe_step(const tsr_plan *plan, size_t number, const char *const *layer_names)
{
    const tsr_covered *step = plan->cover.steps[number];
    json_t *primitives = json_array(), *launches = json_array(), *stores = json_array(), *layers = json_array();
    int last_layer = TSR_NONE;
    for (int i = 0; i < step->span.count; i++) {
        const tsr_primitive *p = &plan->graph.primitives[step->span.primitives[i]];
        json_array_append_new(primitives, json_string(tsr_kind_name(p->kind)));
        if (layer_names && p->layer != TSR_NONE && p->layer != last_layer)
            json_array_append_new(layers, json_string(layer_names[p->layer]));
        last_layer = p->layer;
    }
    const tsr_step *prepared = &plan->steps[number];
    for (int i = 0; i < prepared->launch_count; i++) {
        const tsr_launch *launch = &prepared->launches[i];
        json_t *global = json_array(), *local = json_array();
        for (cl_uint d = 0; d < launch->dimensions; d++) {
            json_array_append_new(global, json_integer((json_int_t)launch->global[d]));
            json_array_append_new(local, json_integer((json_int_t)launch->local[d]));
        }
        json_array_append_new(launches,
                              json_pack("{s:s, s:o, s:o}", "name", launch->name, "global", global, "local", local));
    }
    for (int i = 0; i < step->span.store_count; i++)
        json_array_append_new(stores, json_string(plan->graph.values[step->span.stores[i]].name));
    return json_pack("{s:s, s:b, s:o, s:o, s:o, s:b, s:o, s:f, s:f, s:f, s:I, s:o}", "implementation",
                     step->implementation->name, "tuned", step->tuned, "layers", layers, "primitives", primitives,
                     "launches", launches, "library_call", step->implementation->enqueue != NULL, "stores", stores,
                     "flops", tsr_span_flops(&step->span), "bytes_read", bytes_read(plan, step), "bytes_written", bytes_written(plan, step),
                     "workspace", (json_int_t)step->needs.workspace, "not_taken", describe_refusals(plan, step));
}

static const char *place_of(const tsr_plan *plan, size_t v)
{
    if (plan->bound[v]) return "bound by the caller";
    switch (plan->graph.values[tsr_plan_root(&plan->graph, (int)v)].role) {
    case TSR_ROLE_PARAMETER:
        return "weights";
    case TSR_ROLE_STATE:
        return "optimizer's state";
    case TSR_ROLE_GRADIENT:
        return "gradients";
    default:
        return "arena";
    }
}

static json_t *describe_values(const tsr_plan *plan)
{
    static const char *const types[] = {
        [TSR_F32] = "float32", [TSR_I32] = "int32", [TSR_U8] = "uint8", [TSR_U16] = "uint16"};
    json_t *values = json_array();
    for (size_t v = 0; v < plan->graph.value_count; v++) {
        const tsr_value *value = &plan->graph.values[v];
        const tsr_view *view = &plan->views[v];
        if (!view->bytes || value->replaces != TSR_NONE) continue;
        json_array_append_new(values,
                              json_pack("{s:s, s:s, s:o, s:I, s:i, s:[iiii], s:s}", "name", value->name, "type",
                                        types[value->dtype], "shape", shape_of(value), "bytes", (json_int_t)view->bytes,
                                        "partials", view->partials, "halo", view->halo[0], view->halo[1], view->halo[2],
                                        view->halo[3], "place", place_of(plan, v)));
    }
    return values;
}

static json_t *describe(const tsr_plan *plan, const char *const *layer_names)
{
    json_t *primitives = json_array(), *steps = json_array();
    size_t arena = 0;
    int launches = 0;
    double flops = 0;
    for (size_t i = 0; i < plan->graph.primitive_count; i++)
        json_array_append_new(primitives, describe_primitive(plan, (int)i, layer_names));
    for (size_t s = 0; s < plan->cover.count; s++) {
        json_t *step = describe_step(plan, s, layer_names);
        flops += json_number_value(json_object_get(step, "flops"));
        /* A call of a library's is counted as one launch besides those of our own kernels. */
        launches += plan->steps[s].launch_count + (plan->steps[s].implementation->enqueue != NULL);
        json_array_append_new(steps, step);
    }
    int forms = (int)plan->form_count + (plan->variables ? tsr_variables_form_count(plan->variables) : 0);
    for (size_t a = 0; a < plan->arena_count; a++) arena += plan->arenas[a].bytes;
    return json_pack("{s:s, s:b, s:i, s:o, s:o, s:o, s:i, s:i, s:f, s:I}", "device", plan->device->info.name, "fusion",
                     plan->target.fuse, "vector_width", (int)plan->target.vector_width, "primitives", primitives,
                     "steps", steps, "values", describe_values(plan), "launches", launches, "filter_preparations",
                     forms, "flops", flops, "arena_bytes", (json_int_t)arena);
}

static const char *string_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void add_list(tsr_text *text, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        tsr_text_add(text, "%s%s", i ? ", " : "", json_string_value(json_array_get(list, i)));
}

static void add_shape(tsr_text *text, const json_t *shape)
{
    for (size_t i = 0; i < json_array_size(shape); i++)
        tsr_text_add(text, "%s%lld", i ? "x" : "", (long long)json_integer_value(json_array_get(shape, i)));
}

static void add_steps(tsr_text *text, const json_t *steps)
{
    size_t number;
    json_t *step, *entry;
    json_array_foreach(steps, number, step)
    {
        tsr_text_add(text, "%3zu  %-34s %10.3f MFLOP %9.1f KiB in %9.1f KiB out\n", number + 1,
                     string_of(step, "implementation"), number_of(step, "flops") * 1e-6,
                     number_of(step, "bytes_read") / 1024, number_of(step, "bytes_written") / 1024);
        if (json_is_true(json_object_get(step, "tuned"))) tsr_text_add(text, "       chosen    by tuning\n");
        tsr_text_add(text, "       computes  ");
        add_list(text, json_object_get(step, "primitives"));
        if (json_array_size(json_object_get(step, "layers"))) {
            tsr_text_add(text, "\n       layers    ");
            add_list(text, json_object_get(step, "layers"));
        }
        tsr_text_add(text, "\n       stores    ");
        add_list(text, json_object_get(step, "stores"));
        size_t i;
        json_array_foreach(json_object_get(step, "launches"), i, entry)
        {
            tsr_text_add(text, "\n       launches  %s over ", string_of(entry, "name"));
            add_shape(text, json_object_get(entry, "global"));
            tsr_text_add(text, ", work-group ");
            if (json_integer_value(json_array_get(json_object_get(entry, "local"), 0)))
                add_shape(text, json_object_get(entry, "local"));
            else
                tsr_text_add(text, "left to the driver");
        }
        if (json_is_true(json_object_get(step, "library_call"))) tsr_text_add(text, "\n       calls     CLBlast");
        json_array_foreach(json_object_get(step, "not_taken"), i, entry)
        {
            tsr_text_add(text, "\n       not taken %s: %s", string_of(entry, "implementation"),
                         string_of(entry, "reason"));
        }
        tsr_text_add(text, "\n");
    }
}

static void add_values(tsr_text *text, const json_t *values)
{
    size_t i;
    json_t *value;
    json_array_foreach(values, i, value)
    {
        tsr_text shape = {0};
        add_shape(&shape, json_object_get(value, "shape"));
        const json_t *halo = json_object_get(value, "halo");
        tsr_text_add(text, "  %-32s %-8s %-16s %10.1f KiB  %s", string_of(value, "name"), string_of(value, "type"),
                     shape.data ? shape.data : "", number_of(value, "bytes") / 1024, string_of(value, "place"));
        if (number_of(value, "partials") > 1) tsr_text_add(text, ", %.0f partial sums", number_of(value, "partials"));
        json_int_t side[4];
        for (size_t k = 0; k < 4; k++) side[k] = json_integer_value(json_array_get(halo, k));
        if (side[0] || side[1] || side[2] || side[3])
            tsr_text_add(text, ", halo %lld/%lld/%lld/%lld", (long long)side[0], (long long)side[1], (long long)side[2],
                         (long long)side[3]);
        tsr_text_add(text, "\n");
        tsr_text_clear(&shape);
    }
}

static void add_primitives(tsr_text *text, const json_t *primitives)
{
    size_t i;
    json_t *p;
    json_array_foreach(primitives, i, p)
    {
        tsr_text_add(text, "%3zu  %-27s", i + 1, string_of(p, "kind"));
        add_list(text, json_object_get(p, "reads"));
        tsr_text_add(text, " -> ");
        add_list(text, json_object_get(p, "makes"));
        tsr_text_add(text, "\n");
    }
}

tsr_status tsr_plan_explain(const tsr_plan *plan, const char *const *layer_names, bool json, tsr_text *text)
{
    json_t *facts = describe(plan, layer_names);
    if (!facts) return tsr_fail_memory("the plan's description", 0);
    if (json) {
        char *dumped = json_dumps(facts, JSON_INDENT(2));
        if (dumped) tsr_text_add_bytes(text, dumped, strlen(dumped));
        text->failed |= !dumped;
        free(dumped);
        tsr_text_add(text, "\n");
    } else {
        tsr_text_add(text, "Device: %s\n\nPrimitives\n", string_of(facts, "device"));
        add_primitives(text, json_object_get(facts, "primitives"));
        tsr_text_add(text, "\nSteps, in the order in which they run\n");
        add_steps(text, json_object_get(facts, "steps"));
        tsr_text_add(text, "\nValues in memory\n");
        add_values(text, json_object_get(facts, "values"));
        tsr_text_add(text,
                     "\n%.0f launches and %.0f preparations of filters, %.3f MFLOP counted as dense work, "
                     "%.1f KiB of arena\n",
                     number_of(facts, "launches"), number_of(facts, "filter_preparations"),
                     number_of(facts, "flops") * 1e-6, number_of(facts, "arena_bytes") / 1024);
    }
    json_decref(facts);
    return text->failed ? tsr_fail_memory("the plan's description", text->length) : TSR_OK;
}
