/* tessera train, and evaluate on what it wrote. */
#include "support/cli.h"
#include "support/support.h"
#include "support/tiny.h"

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What the test of a run needs: the paths, and the arguments that are always the same. */
static char output[256], history[256];

static const char *common_arguments(void)
{
    static char text[1024];
    snprintf(output, sizeof output, "%s", test_path("model.h5"));
    snprintf(history, sizeof history, "%s", test_path("history.csv"));
    snprintf(text, sizeof text, "train --data %s --batch-size 16 --learning-rate 0.02 --output %s --history %s",
             tiny_dataset(), output, history);
    return text;
}

static void remove_output(void)
{
    unlink(output);
    unlink(history);
}

/* No temporary file is left in the test's directory. */
static void check_no_leftovers(void)
{
    DIR *directory = opendir(test_directory());
    ck_assert(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory));)
        ck_assert_msg(strstr(entry->d_name, ".tmp") == NULL, "%s was left", entry->d_name);
    closedir(directory);
}

static double number_after(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    ck_assert_msg(found != NULL, "\"%s\" has no %s", text, name);
    return strtod(found + strlen(name), NULL);
}

/* The history without the column of seconds. */
static void read_history(char *text, size_t size)
{
    char line[256], rest[256];
    int epoch, length = 0;
    FILE *file = fopen(history, "r");
    ck_assert(file != NULL);
    ck_assert(fgets(line, sizeof line, file) != NULL);
    ck_assert_str_eq(line, "epoch,seconds,loss,accuracy,val_loss,val_accuracy\n");
    while (fgets(line, sizeof line, file)) {
        ck_assert(sscanf(line, "%d,%*[^,],%255s", &epoch, rest) == 2);
        length += snprintf(text + length, size - (size_t)length, "%d,%s\n", epoch, rest);
    }
    fclose(file);
}

static json_t *evaluate(const char *arguments)
{
    cli_run(0, "evaluate %s --data %s --json %s", output, tiny_dataset(), arguments);
    json_t *result = json_loads(cli_process.out, 0, NULL);
    ck_assert(json_is_object(result));
    return result;
}

START_TEST(trains_keeps_the_best_and_reports)
{
    char epochs[4096];
    cli_run(0, "%s --model %s --epochs 6", common_arguments(), tiny_json_file());
    ck_assert(strncmp(cli_process.out, "Epoch 1/6\n10/10 [==============================] - ", 50) == 0);
    cli_contains(cli_process.out, "Epoch 6/6\n10/10 [");
    cli_contains(cli_process.out, "/step - loss: ");
    cli_contains(cli_process.out, "Best epoch: ");
    cli_contains(cli_process.err, "Using ");
    ck_assert(strchr(cli_process.out, '\r') == NULL && strchr(cli_process.out, '\033') == NULL);
    double best = number_after(strstr(cli_process.out, "Best epoch:"), "val_loss: ");
    double test_loss = number_after(cli_process.out, "Test: loss: ");
    double test_accuracy = number_after(strstr(cli_process.out, "Test: loss: "), "accuracy: ");
    ck_assert(test_accuracy > 0.9);
    read_history(epochs, sizeof epochs);
    ck_assert_int_eq(cli_lines(epochs), 6);
    check_no_leftovers();

    json_t *test = evaluate(""), *validation = evaluate("--split validation");
    ck_assert_int_eq(json_integer_value(json_object_get(test, "samples")), TINY_TEST);
    ck_assert_int_eq(json_integer_value(json_object_get(validation, "samples")), TINY_TRAINING / 5);
    ck_assert(fabs(json_real_value(json_object_get(test, "loss")) - test_loss) < 1e-4);
    ck_assert(fabs(json_real_value(json_object_get(test, "accuracy")) - test_accuracy) < 1e-4);
    ck_assert(fabs(json_real_value(json_object_get(validation, "loss")) - best) < 1e-4);
    json_decref(test);
    json_decref(validation);
    cli_run(0, "evaluate %s --data %s", output, tiny_dataset());
    cli_contains(cli_process.out, "40 test images - ");
    remove_output();
}
END_TEST

START_TEST(verbosity)
{
    cli_run(0, "%s --model %s --epochs 2 --verbose 0", common_arguments(), tiny_json_file());
    ck_assert(strstr(cli_process.out, "Epoch 1") == NULL);
    cli_contains(cli_process.out, "Test: loss: ");
    cli_run(0, "%s --model %s --epochs 2 --verbose 2", common_arguments(), tiny_json_file());
    cli_contains(cli_process.out, "Epoch 1/2\n10/10 - ");
    cli_contains(cli_process.out, "s/epoch - ");
    cli_contains(cli_process.out, "/step\nEpoch 2/2\n");
    remove_output();
}
END_TEST

START_TEST(a_terminal_is_drawn_in_place)
{
    char text[2048];
    snprintf(text, sizeof text, "%s --model %s --epochs 2", common_arguments(), tiny_json_file());
    test_start(cli_arguments(text), NULL, true, &cli_process);
    test_finish(&cli_process);
    ck_assert_msg(cli_process.code == 0, "%s", cli_process.err);
    cli_contains(cli_process.out, "Epoch 2/2\r\n\r");
    cli_contains(cli_process.out, "\r10/10 [==============================] - ");
    remove_output();
}
END_TEST

START_TEST(goes_on_from_weights_or_afresh)
{
    char first[4096], second[4096], third[4096], start[256];
    cli_run(0, "%s --model %s --epochs 3", common_arguments(), tiny_json_file());
    read_history(first, sizeof first);
    snprintf(start, sizeof start, "%s", test_path("start.h5"));
    ck_assert(rename(output, start) == 0);
    cli_run(0, "%s --model %s --epochs 3", common_arguments(), start);
    cli_contains(cli_process.err, "Going on from");
    read_history(second, sizeof second);
    ck_assert(number_after(second, "1,") < number_after(first, "3,"));
    cli_run(0, "%s --model %s --epochs 3 --reinitialize", common_arguments(), start);
    cli_contains(cli_process.err, "Training afresh");
    read_history(third, sizeof third);
    ck_assert_str_eq(first, third);
    remove_output();
}
END_TEST

START_TEST(options_reach_the_training)
{
    char adam[4096], sgd[4096], other[4096];
    cli_run(0, "%s --model %s --epochs 2", common_arguments(), tiny_json_file());
    read_history(adam, sizeof adam);
    cli_run(0, "%s --model %s --epochs 2 --optimizer sgd --momentum 0.9", common_arguments(), tiny_json_file());
    read_history(sgd, sizeof sgd);
    ck_assert_str_ne(adam, sgd);
    ck_assert(number_after(sgd, "2,") < number_after(sgd, "1,"));
    cli_run(0, "%s --model %s --epochs 2 --seed 7", common_arguments(), tiny_json_file());
    read_history(other, sizeof other);
    ck_assert_str_ne(adam, other);
    cli_run(0, "%s --model %s --epochs 2 --split-seed 7", common_arguments(), tiny_json_file());
    read_history(other, sizeof other);
    ck_assert_str_ne(adam, other);
    cli_run(0, "%s --model %s --epochs 2 --gemm native --keras2 --profile", common_arguments(), tiny_json_file());
    cli_contains(cli_process.out, "KERNEL");
    cli_contains(cli_process.out, "LAUNCHES");
    remove_output();
}
END_TEST

START_TEST(patience_ends_it_early)
{
    cli_run(0, "%s --model %s --epochs 50 --patience 1 --learning-rate 5", common_arguments(), tiny_json_file());
    cli_contains(cli_process.out, "Stopped early after epoch ");
    cli_contains(cli_process.out, "no better validation loss for 1 epoch\n");
    remove_output();
}
END_TEST

START_TEST(a_loss_that_is_not_finite_stops_it)
{
    cli_run(1, "%s --optimizer sgd --learning-rate 1000", common_arguments());
    cli_contains(cli_process.err, "the loss is not finite in epoch 1, step ");
    cli_contains(cli_process.err, "the first layer at fault is ");
    check_no_leftovers();
    remove_output();
}
END_TEST

/* A network of two dense layers, the first of `units` without an activation, as a file. */
static const char *dense_network(int32_t units)
{
    tsr_model *model;
    char *text;
    const char *path = test_path("dense.json");
    check_ok(tsr_model_create("dense", &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = TINY_SIZE, .width = TINY_SIZE, .channels = 1}));
    check_ok(tsr_model_add_flatten(model, NULL));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = units}));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = TINY_CLASSES, .activation = TSR_SOFTMAX}));
    check_ok(tsr_model_to_json(model, &text));
    FILE *file = fopen(path, "w");
    ck_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
    free(text);
    tsr_model_free(model);
    return path;
}

/* With a step too large the loss of layers without an activation grows by powers of ten each epoch. */
START_TEST(a_loss_that_is_no_longer_finite_leaves_the_best)
{
    char epochs[8192];
    cli_run(1, "%s --model %s --optimizer sgd --learning-rate 10 --batch-size 80 --epochs 60 --patience 60",
            common_arguments(), dense_network(8));
    cli_contains(cli_process.err, "tessera train: ");
    cli_contains(cli_process.err, "not finite");
    cli_contains(cli_process.err, "\nThe best model so far, of epoch ");
    ck_assert_msg(strstr(cli_process.out, "nan") == NULL, "%s", cli_process.out);
    read_history(epochs, sizeof epochs);
    ck_assert(cli_lines(epochs) >= 1 && cli_lines(epochs) < 60);
    check_no_leftovers();
    double best = number_after(cli_process.err, "(val_loss ");
    json_t *kept = evaluate("--split validation");
    ck_assert(fabs(json_real_value(json_object_get(kept, "loss")) - best) <= 1e-4 * best + 1e-4);
    json_decref(kept);
    remove_output();
}
END_TEST

START_TEST(an_interrupt_keeps_the_best)
{
    char text[2048];
    snprintf(text, sizeof text, "%s --model %s --epochs 1000000 --patience 1000000", common_arguments(),
             tiny_json_file());
    remove_output();
    test_start(cli_arguments(text), NULL, false, &cli_process);
    while (access(output, F_OK) != 0 && test_is_running(&cli_process))
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    ck_assert(kill(cli_process.child, SIGINT) == 0);
    test_finish(&cli_process);
    ck_assert_msg(cli_process.code == 130, "exit code %d\n%s", cli_process.code, cli_process.err);
    cli_contains(cli_process.err, "The best model so far, of epoch ");
    ck_assert_int_eq(access(history, F_OK), 0);
    check_no_leftovers();
    json_decref(evaluate(""));
    remove_output();
}
END_TEST

START_TEST(a_full_disk_leaves_no_partial_file)
{
    char command[2048];
    /* Its file takes 5 MB: more than anything that PoCL writes while it looks up kernels. */
    const char *network = dense_network(18000);
    snprintf(command, sizeof command, "ulimit -f 4000; exec " TEST_PROGRAM " %s --model %s --epochs 1",
             common_arguments(), network);
    remove_output();
    test_execute((const char *[]){"/bin/sh", "-c", command, NULL}, NULL, &cli_process);
    ck_assert_msg(cli_process.code == 1, "exit code %d\n%s", cli_process.code, cli_process.err);
    cli_contains(cli_process.err, output);
    cli_contains(cli_process.err, "File too large");
    ck_assert(strstr(cli_process.err, "The best model so far") == NULL);
    ck_assert_int_ne(access(output, F_OK), 0);
    check_no_leftovers();
    remove_output();
}
END_TEST

START_TEST(places_that_cannot_be_written_are_refused_at_once)
{
    cli_run(1, "%s --output %s", common_arguments(), test_path("no/where.h5"));
    cli_contains(cli_process.err, "no/where.h5: No such file or directory");
    cli_run(1, "%s --output %s", common_arguments(), test_directory());
    cli_contains(cli_process.err, "not a regular file");
    cli_run(1, "%s --history /dev/null", common_arguments());
    cli_contains(cli_process.err, "cannot write /dev/null: it is not a regular file");
    cli_run(1, "%s --history /proc/history.csv", common_arguments());
    cli_contains(cli_process.err, "cannot write /proc/history.csv");
    ck_assert_str_eq(cli_process.out, "");
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    common_arguments();
    remove_output();
    cli_run(1, "train --data %s", test_path("nowhere"));
    cli_contains(cli_process.err, "nowhere");
    cli_run(1, "%s --batch-size 161 --model %s", common_arguments(), tiny_json_file());
    cli_contains(cli_process.err, "161");
    cli_run(1, "%s --model %s", common_arguments(), test_path("nowhere.h5"));
    cli_contains(cli_process.err, "nowhere.h5");
    cli_run(1, "%s --model %s --device nothing-like-it", common_arguments(), tiny_json_file());
    cli_contains(cli_process.err, "no device matches");
    cli_run(1, "evaluate %s --data %s", tiny_json_file(), tiny_dataset());
    cli_contains(cli_process.err, "tiny.json describes a network but holds no weights");
    cli_run(1, "evaluate %s --data %s", test_path("nowhere.h5"), tiny_dataset());
    cli_contains(cli_process.err, "nowhere.h5");
    cli_run(1, "evaluate /dev/null --data %s", tiny_dataset());
    cli_contains(cli_process.err, "/dev/null");
    ck_assert_int_ne(access(output, F_OK), 0);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, trains_keeps_the_best_and_reports);
    tcase_add_test(tests, verbosity);
    tcase_add_test(tests, a_terminal_is_drawn_in_place);
    tcase_add_test(tests, goes_on_from_weights_or_afresh);
    tcase_add_test(tests, options_reach_the_training);
    tcase_add_test(tests, patience_ends_it_early);
    tcase_add_test(tests, a_loss_that_is_not_finite_stops_it);
    tcase_add_test(tests, a_loss_that_is_no_longer_finite_leaves_the_best);
    tcase_add_test(tests, an_interrupt_keeps_the_best);
    tcase_add_test(tests, a_full_disk_leaves_no_partial_file);
    tcase_add_test(tests, places_that_cannot_be_written_are_refused_at_once);
    tcase_add_test(tests, what_does_not_fit_is_refused);
}

int main(void)
{
    return test_run("cli_train", add_tests);
}
