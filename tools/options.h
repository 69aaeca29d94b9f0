/* Options of a command: one table drives the parsing, the checks and --help. */
#ifndef TESSERA_TOOLS_OPTIONS_H
#define TESSERA_TOOLS_OPTIONS_H

#include "command.h"

typedef enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char * */
    OPTION_WHOLE,  /* int64_t, minimum <= value <= maximum */
    OPTION_REAL,   /* double, minimum <= value <= maximum */
    OPTION_CHOICE, /* int, the place of the word among `choices` */
} option_kind;

/* An option. What *value holds before is the default, and the help says so. */
typedef struct command_option {
    const char *name;     /* without the dashes */
    const char *argument; /* how the help calls the value; NULL for flags and choices */
    option_kind kind;
    void *value;
    const char *help;           /* one line */
    const char *otherwise;      /* the default in words, where the value does not say it; or NULL */
    double minimum, maximum;    /* of numbers */
    const char *const *choices; /* ended by NULL */
} command_option;

/* Rows that several commands have, for a `const char *`, an int (tsr_gemm) and a bool. */
#define OPTION_DEVICE(where)                                                                                           \
    {                                                                                                                  \
        .name = "device", .argument = "D", .kind = OPTION_TEXT, .value = (where),                                      \
        .help = "device, by its number or a part of its name", .otherwise = "TESSERA_DEVICE, else the best"            \
    }
#define OPTION_DATA(where, where_it_fits)                                                                              \
    {                                                                                                                  \
        .name = "data", .argument = "DIR", .kind = OPTION_TEXT, .value = (where),                                      \
        .help = "directory of the four IDX files",                                                                     \
        .otherwise = "TESSERA_DATA, else Fashion-MNIST where it is installed" where_it_fits                            \
    }
#define OPTION_GEMM(where)                                                                                             \
    {                                                                                                                  \
        .name = "gemm", .kind = OPTION_CHOICE, .value = (where), .choices = command_gemms,                             \
        .help = "matrix product of the dense layers"                                                                   \
    }
#define OPTION_JSON(where)                                                                                             \
    {                                                                                                                  \
        .name = "json", .kind = OPTION_FLAG, .value = (where), .help = "print JSON"                                    \
    }
/* What rows of seconds share; name and help go beside it. */
#define OPTION_SECONDS(where, least)                                                                                   \
    .argument = "SECONDS", .kind = OPTION_REAL, .value = (where), .minimum = (least), .maximum = 1e6

/* Operands that were given. */
typedef struct command_operands {
    char **at;
    int count;
} command_operands;

/* Reads the arguments. True when the command should go on; otherwise *code is the exit code: 0 after --help, 2 after a
 * complaint about an unknown option, a value that does not fit, or a wrong number of operands. */
bool command_read(const command *self, const command_option *options, int option_count, int minimum, int maximum,
                  int count, char **arguments, command_operands *operands, int *code);

#endif
