/* SPDX-License-Identifier: ISC */
/* The text form of the fault link's settings: see fault.h. Numbers are decimal with an optional fraction, read in integers. */
#include "link/fault.h"

struct unit {
    const char *name;
    uint64_t mult;
};
static const struct unit percent_units[] = {{"%", 10000}, {"ppm", 1}, {NULL, 0}};
static const struct unit time_units[] = {
    {"ns", 1}, {"us", NS_PER_US}, {"ms", NS_PER_MS}, {"s", NS_PER_S}, {NULL, 0}};
static const struct unit rate_units[] = {
    {"bit", 1}, {"kbit", 1000}, {"mbit", 1000000}, {"gbit", 1000000000}, {NULL, 0}};
static const struct unit plain_units[] = {{"", 1}, {NULL, 0}};

enum key_type { KEY_PPM, KEY_TIME, KEY_RATE, KEY_CNT };
struct key {
    const char *name;
    enum key_type type;
    size_t off; /* in struct fault_spec */
    uint64_t max;
};
#define SPEC(field) offsetof(struct fault_spec, field)
static const struct key keys[] = {
    {"loss", KEY_PPM, SPEC(loss_ppm), 1000000},
    {"reorder", KEY_PPM, SPEC(reorder_ppm), 1000000},
    {"dup", KEY_PPM, SPEC(dup_ppm), 1000000},
    {"corrupt", KEY_PPM, SPEC(corrupt_ppm), 1000000},
    {"burst", KEY_CNT, SPEC(burst), 1000000},
    {"queue", KEY_CNT, SPEC(queue_cnt), 1000000},
    {"delay", KEY_TIME, SPEC(delay_ns), 3600 * NS_PER_S},
    {"jitter", KEY_TIME, SPEC(jitter_ns), 3600 * NS_PER_S},
    {"rate", KEY_RATE, SPEC(rate_bps), 1000000000000},
};

static bool word_is(struct ust_slice w, const char *s) {
    return strlen(s) == w.len && memcmp(w.p, s, w.len) == 0;
}

static const struct unit *units_of(enum key_type t) {
    switch (t) {
    case KEY_PPM:
        return percent_units;
    case KEY_TIME:
        return time_units;
    case KEY_RATE:
        return rate_units;
    case KEY_CNT:
        return plain_units;
    }
    return plain_units;
}

/* "1.5ms" with time_units is 1500000. A unit is obligatory, but for a plain 0. */
static bool parse_value(struct ust_slice w, const struct unit *units, uint64_t max, uint64_t *out) {
    uint64_t whole = 0, frac = 0, scale = 1;
    size_t i = 0, digits = 0;
    for (; i < w.len && w.p[i] >= '0' && w.p[i] <= '9'; i++, digits++) {
        if (digits == 15)
            return false;
        whole = whole * 10 + (uint64_t)(w.p[i] - '0');
    }
    if (i < w.len && w.p[i] == '.') {
        for (i++; i < w.len && w.p[i] >= '0' && w.p[i] <= '9'; i++, digits++) {
            if (scale == 1000000000)
                return false;
            frac = frac * 10 + (uint64_t)(w.p[i] - '0');
            scale *= 10;
        }
        if (scale == 1)
            return false;
    }
    if (digits == 0)
        return false;
    struct ust_slice rest = slice_skip(w, i);
    if (rest.len == 0 && whole == 0 && frac == 0) {
        *out = 0;
        return true;
    }
    for (; units->name; units++)
        if (word_is(rest, units->name))
            break;
    if (!units->name || (scale > 1 && units->mult == 1 && frac))
        return false;
    if (whole > max / units->mult)
        return false;
    *out = whole * units->mult + frac * units->mult / scale;
    return *out <= max;
}

static void store(struct fault_spec *spec, const struct key *k, uint64_t v) {
    void *field = (uint8_t *)spec + k->off;
    uint32_t v32 = (uint32_t)v;
    if (k->type == KEY_TIME || k->type == KEY_RATE)
        memcpy(field, &v, sizeof v);
    else
        memcpy(field, &v32, sizeof v32);
}

static bool parse_word(struct ust_slice w, struct fault_cfg *cfg) {
    bool tx = true, rx = true;
    if (w.len > 3 && (memcmp(w.p, "tx.", 3) == 0 || memcmp(w.p, "rx.", 3) == 0)) {
        tx = w.p[0] == 't';
        rx = !tx;
        w = slice_skip(w, 3);
    }
    const uint8_t *eq = w.len ? memchr(w.p, '=', w.len) : NULL;
    if (!eq)
        return false;
    struct ust_slice name = slice_head(w, (size_t)(eq - w.p));
    struct ust_slice value = slice_skip(w, name.len + 1);
    uint64_t v;
    if (word_is(name, "seed")) {
        if (!(tx && rx) || !parse_value(value, plain_units, UINT64_MAX, &v))
            return false;
        cfg->seed = v;
        return true;
    }
    for (size_t i = 0; i < UST_ARRAY_CNT(keys); i++) {
        if (!word_is(name, keys[i].name))
            continue;
        if (!parse_value(value, units_of(keys[i].type), keys[i].max, &v))
            return false;
        if (tx)
            store(&cfg->tx, &keys[i], v);
        if (rx)
            store(&cfg->rx, &keys[i], v);
        return true;
    }
    return false;
}

bool fault_parse(const char *s, struct fault_cfg *cfg, struct ust_slice *bad) {
    memset(cfg, 0, sizeof *cfg);
    *bad = slice_of(s, 0);
    while (*s) {
        size_t len = strcspn(s, ",");
        *bad = slice_of(s, len);
        if (!parse_word(*bad, cfg))
            return false;
        s += len;
        if (*s == ',')
            s++;
        cfg->on = true;
    }
    return true;
}
