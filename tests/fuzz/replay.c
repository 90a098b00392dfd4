/* main() of a fuzz target that is built without libFuzzer: runs each file named on the command
 * line through the target once. A crash or a sanitizer report is the failure. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int run_file(const char *path) {
    FILE *f = fopen(path, "rb");
    uint8_t *buf = NULL;
    size_t len = 0, cap = 0;

    if (f == NULL) {
        perror(path);
        return -1;
    }
    do {
        if (len == cap) {
            cap = cap != 0 ? 2 * cap : 4096;
            uint8_t *bigger = realloc(buf, cap);
            if (bigger == NULL) {
                perror(path);
                exit(2);
            }
            buf = bigger;
        }
        len += fread(buf + len, 1, cap - len, f);
    } while (!feof(f) && !ferror(f));
    if (ferror(f)) {
        perror(path);
        exit(2);
    }
    fclose(f);
    /* An exact allocation, so that a read past the end is seen. */
    uint8_t *exact = realloc(buf, len != 0 ? len : 1);
    if (exact == NULL)
        exact = buf;
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    return 0;
}

int main(int argc, char **argv) {
    int failed = 0;

    for (int i = 1; i < argc; i++)
        if (run_file(argv[i]) != 0)
            failed++;
    printf("%d inputs, %d unreadable\n", argc - 1, failed);
    return failed != 0;
}
