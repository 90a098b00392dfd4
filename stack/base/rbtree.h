/* SPDX-License-Identifier: ISC */
/*
 * Intrusive red-black tree. The caller walks to the insertion point itself (rb_link), as it knows
 * the order; the tree only balances. Same shape as in many kernels; written from the textbook
 * (Cormen et al.).
 */
#ifndef UST_BASE_RBTREE_H
#define UST_BASE_RBTREE_H

#include "base/types.h"

struct rb_node {
    struct rb_node *parent, *left, *right;
    bool red;
};
struct rb_root {
    struct rb_node *top;
};

/* Puts n at *link, a NULL child pointer of parent (or &root->top with parent NULL), rebalances. */
void rb_link(struct rb_root *root, struct rb_node *n, struct rb_node *parent,
             struct rb_node **link);
void rb_erase(struct rb_root *root, struct rb_node *n);
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);
/* NULL if order-independent invariants (colours, parents) hold, else what is wrong. */
const char *rb_check(const struct rb_root *root);

#endif
