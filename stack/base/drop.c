/* SPDX-License-Identifier: ISC */
#include "base/drop.h"

static const struct {
    const char *name, *layer, *text;
} drop_table[DROP_COUNT] = {[DROP_NONE] = {"NONE", "none", "not dropped"},
#define DROP_X(name, layer, text) [DROP_##name] = {#name, layer, text},
                            DROP_LIST(DROP_X)
#undef DROP_X
};

const char *drop_name(enum drop d) { return drop_table[d].name; }
const char *drop_layer(enum drop d) { return drop_table[d].layer; }
const char *drop_text(enum drop d) { return drop_table[d].text; }
