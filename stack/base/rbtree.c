/* SPDX-License-Identifier: ISC */
/*
 * Red-black tree as in Cormen, Leiserson, Rivest, Stein, chapter 13, with NULL for the sentinel:
 * the fix-up after an erase therefore carries the parent of the (possibly missing) node along. Left
 * and right are mirror images; the side is an index into child[] made of the two fields.
 */
#include "base/rbtree.h"

static inline bool is_red(const struct rb_node *n) { return n && n->red; }

static inline struct rb_node **child(struct rb_node *n, bool right) {
    return right ? &n->right : &n->left;
}

/* The pointer that leads to n. */
static inline struct rb_node **owner(struct rb_root *root, struct rb_node *n) {
    if (!n->parent)
        return &root->top;
    return child(n->parent, n->parent->right == n);
}

/* Turns n down to the side `right`; the child of the other side takes its place. */
static void rotate(struct rb_root *root, struct rb_node *n, bool right) {
    struct rb_node *up = *child(n, !right);
    struct rb_node *inner = *child(up, right);
    *owner(root, n) = up;
    up->parent = n->parent;
    *child(n, !right) = inner;
    if (inner)
        inner->parent = n;
    *child(up, right) = n;
    n->parent = up;
}

void rb_link(struct rb_root *root, struct rb_node *n, struct rb_node *parent,
             struct rb_node **link) {
    assert(*link == NULL);
    n->parent = parent;
    n->left = n->right = NULL;
    n->red = true;
    *link = n;
    while (is_red(n->parent)) {
        struct rb_node *p = n->parent, *g = p->parent; /* a red node is not the top */
        bool right = g->right == p;
        struct rb_node *uncle = *child(g, !right);
        if (is_red(uncle)) {
            p->red = uncle->red = false;
            g->red = true;
            n = g;
            continue;
        }
        if (*child(p, !right) == n) {
            rotate(root, p, right);
            p = n;
        }
        p->red = false;
        g->red = true;
        rotate(root, g, !right);
        break;
    }
    root->top->red = false;
}

/* n (NULL for a missing leaf) below parent is one black short. */
static void erase_fixup(struct rb_root *root, struct rb_node *n, struct rb_node *parent) {
    while (parent && !is_red(n)) {
        bool right =
            parent->right == n; /* a missing leaf: its sibling is there, so the sides differ */
        struct rb_node *sib = *child(parent, !right);
        if (sib->red) {
            sib->red = false;
            parent->red = true;
            rotate(root, parent, right);
            sib = *child(parent, !right);
        }
        if (!is_red(sib->left) && !is_red(sib->right)) {
            sib->red = true;
            n = parent;
            parent = n->parent;
            continue;
        }
        if (!is_red(*child(sib, !right))) {
            (*child(sib, right))->red = false;
            sib->red = true;
            rotate(root, sib, !right);
            sib = *child(parent, !right);
        }
        sib->red = parent->red;
        parent->red = false;
        (*child(sib, !right))->red = false;
        rotate(root, parent, right);
        return;
    }
    if (n)
        n->red = false;
}

void rb_erase(struct rb_root *root, struct rb_node *n) {
    struct rb_node *below, *parent;
    bool lost_red;
    if (n->left && n->right) {
        /* The successor, which has no left child, takes n's place and colour. */
        struct rb_node *s = n->right;
        while (s->left)
            s = s->left;
        below = s->right;
        lost_red = s->red;
        parent = s->parent == n ? s : s->parent;
        if (s->parent != n) {
            s->parent->left = below;
            if (below)
                below->parent = s->parent;
            s->right = n->right;
            s->right->parent = s;
        }
        s->left = n->left;
        s->left->parent = s;
        *owner(root, n) = s;
        s->parent = n->parent;
        s->red = n->red;
    } else {
        below = n->left ? n->left : n->right;
        lost_red = n->red;
        parent = n->parent;
        *owner(root, n) = below;
        if (below)
            below->parent = parent;
    }
    n->parent = n->left = n->right = NULL;
    if (!lost_red)
        erase_fixup(root, below, parent);
}

static struct rb_node *outermost(struct rb_node *n, bool right) {
    while (n && *child(n, right))
        n = *child(n, right);
    return n;
}

static struct rb_node *neighbour(const struct rb_node *n, bool right) {
    struct rb_node *in = right ? n->right : n->left;
    if (in)
        return outermost(in, !right);
    while (n->parent && (right ? n->parent->right : n->parent->left) == n)
        n = n->parent;
    return n->parent;
}

struct rb_node *rb_first(const struct rb_root *root) {
    return outermost(root->top, false);
}
struct rb_node *rb_last(const struct rb_root *root) {
    return outermost(root->top, true);
}
struct rb_node *rb_next(const struct rb_node *n) {
    return neighbour(n, true);
}
struct rb_node *rb_prev(const struct rb_node *n) {
    return neighbour(n, false);
}

/* Black nodes on every path to the top agree: counted at each node that lacks a child. No
 * recursion: walks in order. */
const char *rb_check(const struct rb_root *root) {
    int black = -1;
    if (is_red(root->top))
        return "rbtree: top is red";
    if (root->top && root->top->parent)
        return "rbtree: top has a parent";
    for (const struct rb_node *n = rb_first(root); n; n = rb_next(n)) {
        if (n->parent ? n->parent->left != n && n->parent->right != n : root->top != n)
            return "rbtree: parent";
        if (n->left && n->left->parent != n)
            return "rbtree: left child's parent";
        if (n->right && n->right->parent != n)
            return "rbtree: right child's parent";
        if (n->red && (is_red(n->left) || is_red(n->right)))
            return "rbtree: red below red";
        if (n->left && n->right)
            continue;
        int cnt = 0;
        for (const struct rb_node *u = n; u; u = u->parent)
            cnt += !u->red;
        if (black < 0)
            black = cnt;
        if (cnt != black)
            return "rbtree: black heights differ";
    }
    return NULL;
}
