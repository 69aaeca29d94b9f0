#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPTIONS 32

/* The default in words; false when there is none to tell. */
static bool describe_default(const command_option *option, char *text, size_t size)
{
    text[0] = '\0';
    if (option->otherwise) {
        snprintf(text, size, "%s", option->otherwise);
    } else if (option->kind == OPTION_TEXT) {
        const char *value = *(const char **)option->value;
        if (value) snprintf(text, size, "%s", value);
    } else if (option->kind == OPTION_WHOLE) {
        snprintf(text, size, "%lld", (long long)*(int64_t *)option->value);
    } else if (option->kind == OPTION_REAL) {
        snprintf(text, size, "%g", *(double *)option->value);
    } else if (option->kind == OPTION_CHOICE) {
        snprintf(text, size, "%s", option->choices[*(int *)option->value]);
    }
    return text[0] != '\0';
}

/* "--name ARGUMENT", with a choice's words for the argument. */
static void describe_option(const command_option *option, char *text, size_t size)
{
    int length = snprintf(text, size, "--%s", option->name);
    if (option->argument) snprintf(text + length, size - (size_t)length, " %s", option->argument);
    for (int i = 0; option->kind == OPTION_CHOICE && option->choices[i]; i++)
        length += snprintf(text + length, size - (size_t)length, "%s%s", i ? "|" : " ", option->choices[i]);
}

static void print_help(const command *self, const command_option *options, int option_count)
{
    int width = (int)strlen("--help");
    char left[128], otherwise[128];
    printf("Usage: tessera %s%s%s%s\n\n%s.\n\nOptions:\n", self->name, option_count ? " [options]" : "",
           self->operands[0] ? " " : "", self->operands, self->summary);
    for (int i = 0; i < option_count; i++) {
        describe_option(&options[i], left, sizeof left);
        if ((int)strlen(left) > width) width = (int)strlen(left);
    }
    for (int i = 0; i < option_count; i++) {
        describe_option(&options[i], left, sizeof left);
        printf("  %-*s  %s", width, left, options[i].help);
        if (describe_default(&options[i], otherwise, sizeof otherwise)) printf(" (default: %s)", otherwise);
        putchar('\n');
    }
    printf("  %-*s  %s\n", width, "--help", "print this help");
}

/* Stores the option's value; false after a complaint. */
static bool store(const command *self, const command_option *option, const char *text)
{
    char *end = NULL;
    errno = 0;
    if (option->kind == OPTION_FLAG) {
        *(bool *)option->value = true;
    } else if (option->kind == OPTION_TEXT) {
        *(const char **)option->value = text;
    } else if (option->kind == OPTION_WHOLE) {
        long long value = strtoll(text, &end, 10);
        if (end == text || *end || errno || (double)value < option->minimum || (double)value > option->maximum) {
            command_complain(self, "--%s wants a whole number from %.0f to %.0f, not \"%s\"", option->name,
                             option->minimum, option->maximum, text);
            return false;
        }
        *(int64_t *)option->value = value;
    } else if (option->kind == OPTION_REAL) {
        double value = strtod(text, &end);
        if (end == text || *end || !isfinite(value) || value < option->minimum || value > option->maximum) {
            command_complain(self, "--%s wants a number from %g to %g, not \"%s\"", option->name, option->minimum,
                             option->maximum, text);
            return false;
        }
        *(double *)option->value = value;
    } else {
        for (int i = 0; option->choices[i]; i++) {
            if (strcmp(option->choices[i], text)) continue;
            *(int *)option->value = i;
            return true;
        }
        char words[128];
        describe_option(option, words, sizeof words);
        command_complain(self, "%s: \"%s\" is none of these", words, text);
        return false;
    }
    return true;
}

bool command_read(const command *self, const command_option *options, int option_count, int minimum, int maximum,
                  int count, char **arguments, command_operands *operands, int *code)
{
    struct option table[MAX_OPTIONS + 2] = {0};
    *code = USAGE;
    for (int i = 0; i < option_count && i < MAX_OPTIONS; i++)
        table[i] = (struct option){options[i].name, options[i].kind == OPTION_FLAG ? no_argument : required_argument,
                                   NULL, i + 256};
    table[option_count] = (struct option){"help", no_argument, NULL, 'h'};
    opterr = 0;
    for (int found; (found = getopt_long(count, arguments, ":h", table, NULL)) != -1;) {
        const char *given = arguments[optind - 1];
        if (found == 'h') {
            print_help(self, options, option_count);
            *code = DONE;
            return false;
        }
        if (found == ':') {
            command_complain(self, "%s wants a value; see tessera %s --help", given, self->name);
            return false;
        }
        if (found == '?') {
            command_complain(self, "there is no option %s, or it takes no value; see tessera %s --help", given,
                             self->name);
            return false;
        }
        if (!store(self, &options[found - 256], optarg)) return false;
    }
    operands->at = arguments + optind;
    operands->count = count - optind;
    if (operands->count < minimum) {
        command_complain(self, "%s is missing; see tessera %s --help", self->operands, self->name);
        return false;
    }
    if (operands->count > maximum) {
        command_complain(self, "\"%s\" is one argument too many; see tessera %s --help", operands->at[maximum],
                         self->name);
        return false;
    }
    return true;
}
