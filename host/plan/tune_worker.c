/* The worker: what it is told on standard input it measures, until that ends. */
#include "base/memory.h"
#include "ops/clblast_parameters.h"
#include "plan/tune.h"
#include "tessera/tune.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 1 << 20 /* primitives, values: more would be a mistake */ };

bool tsr_tune_receive(int from, void *data, size_t bytes)
{
    for (char *at = data; bytes > 0;) {
        ssize_t got = read(from, at, bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += got;
        bytes -= (size_t)got;
    }
    return true;
}

bool tsr_tune_send(int to, const void *data, size_t bytes)
{
    for (const char *at = data; bytes > 0;) {
        ssize_t written = send(to, at, bytes, MSG_NOSIGNAL);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        at += written;
        bytes -= (size_t)written;
    }
    return true;
}

static void clear_work(tsr_tune_work *work)
{
    tsr_graph_clear(&work->graph);
    free(work->wanted);
    free(work->marked);
    tsr_tuning_clear(&work->tunings[0]);
    tsr_tuning_clear(&work->tunings[1]);
}

static bool receive_tuning(int from, size_t bytes, tsr_tuning *tuning)
{
    char *text = tsr_alloc(bytes + 1, 1);
    bool fits = text && tsr_tune_receive(from, text, bytes);
    for (char *line = text; fits && *line;) {
        char *tab = strchr(line, '\t'), *end = strchr(line, '\n');
        if (!tab || !end || tab > end) {
            fits = false;
            break;
        }
        *tab = *end = '\0';
        fits = tsr_tuning_put(tuning, line, tab + 1, 0, 0) == TSR_OK;
        line = end + 1;
    }
    free(text);
    return fits;
}

/* Receives an order with what belongs to it; false at the end of the input, and when it makes no sense. */
static bool receive_work(int from, tsr_tune_work *work)
{
    tsr_tune_order *o = &work->order;
    *work = (tsr_tune_work){.order = {0}};
    if (!tsr_tune_receive(from, o, sizeof *o) || o->magic != TSR_TUNE_MAGIC || o->primitive_count > MOST ||
        o->value_count > MOST || o->wanted_count > MOST)
        return false;
    tsr_graph *graph = &work->graph;
    graph->primitive_count = graph->primitive_capacity = o->primitive_count;
    graph->value_count = graph->value_capacity = o->value_count;
    graph->primitives = tsr_alloc(o->primitive_count, sizeof *graph->primitives);
    graph->values = tsr_alloc(o->value_count, sizeof *graph->values);
    work->wanted = tsr_alloc(o->wanted_count, sizeof *work->wanted);
    work->marked = tsr_alloc(o->primitive_count, sizeof *work->marked);
    bool fits = graph->primitives && graph->values && work->wanted && work->marked &&
                tsr_tune_receive(from, graph->primitives, o->primitive_count * sizeof *graph->primitives) &&
                tsr_tune_receive(from, graph->values, o->value_count * sizeof *graph->values) &&
                tsr_tune_receive(from, work->wanted, o->wanted_count * sizeof *work->wanted) &&
                tsr_tune_receive(from, work->marked, o->primitive_count * sizeof *work->marked) &&
                receive_tuning(from, o->tuning_bytes[0], &work->tunings[0]) &&
                receive_tuning(from, o->tuning_bytes[1], &work->tunings[1]);
    if (!fits) clear_work(work);
    return fits;
}

static void end_reply(tsr_tune_reply *reply, tsr_status status)
{
    reply->magic = TSR_TUNE_MAGIC;
    reply->status = status;
    if (status) snprintf(reply->text, sizeof reply->text, "%s", tsr_last_error());
}

/* Puts CLBlast's parameters in force that a tuning brings; once, since the process keeps them. */
static tsr_status set_parameters(tsr_device *device, const tsr_tuning *tuning)
{
    static bool done;
    tsr_status status = done ? TSR_OK : tsr_clblast_apply(device, tuning);
    done = true;
    return status;
}

static tsr_status do_task(tsr_device *device, const tsr_tune_work *work, tsr_tune_reply *reply)
{
    tsr_status status = set_parameters(device, &work->tunings[1]);
    if (status) return status;
    switch (work->order.task) {
    case TSR_TASK_WARM:
        return tsr_tune_warm(device, work);
    case TSR_TASK_CHECK:
        return tsr_tune_check(device, work, reply);
    case TSR_TASK_PRODUCTS:
        return tsr_tune_time_products(device, work, reply);
    default:
        return tsr_tune_compare(device, work, reply);
    }
}

static void do_work(tsr_device *device, const tsr_tune_work *work, tsr_tune_reply *reply)
{
    char name[sizeof work->order.device];
    tsr_status status;
    snprintf(name, sizeof name, "%s %s", device->info.platform, device->info.name);
    if (strcmp(name, work->order.device) != 0)
        status = tsr_fail(TSR_INVALID_ARGUMENT, "the worker runs on %s rather than %s", name, work->order.device);
    else
        status = do_task(device, work, reply);
    if (!status) status = tsr_device_finish(device);
    end_reply(reply, status);
}

/* Standard input and output become the worker's alone; whatever drivers print goes nowhere, and a crash leaves no core.
 * Whoever started the worker decides when it ends, not the terminal. */
static tsr_status take_channels(int *channel)
{
    const struct rlimit no_core = {0, 0};
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    *channel = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (nowhere < 0 || *channel < 0) return tsr_fail(TSR_IO, "the worker has no channel: %s", strerror(errno));
    for (int i = 0; i < 3; i++) dup2(nowhere, i);
    signal(SIGINT, SIG_IGN);
    signal(SIGALRM, SIG_DFL);
    setrlimit(RLIMIT_CORE, &no_core);
    return TSR_OK;
}

tsr_status tsr_tune_worker(const char *wanted)
{
    int channel;
    tsr_device *device = NULL;
    tsr_tune_work work;
    tsr_tune_reply reply = {0};
    tsr_status status = take_channels(&channel);
    if (status) return status;
    alarm(TSR_TUNE_OPENING + TSR_TUNE_GRACE);
    status = tsr_device_open(wanted, false, &device);
    alarm(0);
    end_reply(&reply, status); /* the first reply says that the worker is there, or why not */
    bool open = tsr_tune_send(channel, &reply, sizeof reply) && !status;
    while (open && receive_work(channel, &work)) {
        reply = (tsr_tune_reply){0};
        alarm(work.order.limit);
        do_work(device, &work, &reply);
        alarm(0);
        clear_work(&work);
        open = tsr_tune_send(channel, &reply, sizeof reply);
    }
    alarm(TSR_TUNE_GRACE);
    tsr_device_close(device);
    alarm(0);
    close(channel);
    return status;
}
