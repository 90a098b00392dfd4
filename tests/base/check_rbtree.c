/* SPDX-License-Identifier: ISC */
#include "base/check_tools.h"

#include "base/rbtree.h"

struct item {
    struct rb_node node;
    uint32_t key;
    bool in;
};

static struct item *item_of(struct rb_node *n) { return UST_CONTAINER_OF(n, struct item, node); }

static void insert(struct rb_root *root, struct item *it) {
    struct rb_node **link = &root->top, *parent = NULL;
    while (*link) {
        parent = *link;
        link = it->key < item_of(parent)->key ? &parent->left : &parent->right;
    }
    rb_link(root, &it->node, parent, link);
    it->in = true;
}

static void erase(struct rb_root *root, struct item *it) {
    rb_erase(root, &it->node);
    it->in = false;
}

/* Invariants, order both ways, and exactly the items that are in. */
static void verify(struct rb_root *root, const struct item *items, size_t cnt) {
    size_t in = 0, seen = 0;
    must_hold(rb_check(root));
    for (size_t i = 0; i < cnt; i++)
        in += items[i].in;
    uint32_t last = 0;
    for (struct rb_node *n = rb_first(root); n; n = rb_next(n), seen++) {
        must(item_of(n)->in);
        must(item_of(n)->key >= last);
        last = item_of(n)->key;
    }
    must_eq(seen, in);
    last = UINT32_MAX;
    for (struct rb_node *n = rb_last(root); n; n = rb_prev(n), seen--) {
        must(item_of(n)->key <= last);
        last = item_of(n)->key;
    }
    must_eq(seen, 0);
}

START_TEST(random_ops)
{
    static const size_t sizes[] = {3, 20, 300};
    size_t cnt = sizes[_i];
    struct item *items = (struct item *)calloc(cnt, sizeof *items);
    struct rb_root root = {NULL};
    struct rnd r = {(uint64_t)_i + 1};
    for (int step = 0; step < 6000; step++) {
        struct item *it = &items[rnd_below(&r, cnt)];
        if (it->in) {
            erase(&root, it);
        } else {
            it->key = (uint32_t)rnd_below(&r, cnt * 2); /* equal keys happen */
            insert(&root, it);
        }
        if (cnt <= 20 || step % 16 == 0)
            verify(&root, items, cnt);
    }
    for (size_t i = 0; i < cnt; i++)
        if (items[i].in)
            erase(&root, &items[i]);
    must(root.top == NULL);
    free(items);
}
END_TEST

static unsigned depth(const struct rb_node *n) {
    return n ? 1 + UST_MAX(depth(n->left), depth(n->right)) : 0;
}

/* Sorted input, the worst for a plain tree: the height stays below 2 log2(n + 1). */
START_TEST(sorted_input_stays_flat)
{
    const size_t cnt = 4095;
    struct item *items = (struct item *)calloc(cnt, sizeof *items);
    struct rb_root root = {NULL};
    for (size_t i = 0; i < cnt; i++) {
        items[i].key = (uint32_t)(_i ? cnt - i : i);
        insert(&root, &items[i]);
    }
    verify(&root, items, cnt);
    must(depth(root.top) <= 24);
    while (root.top) {
        erase(&root, item_of(rb_first(&root)));
        must_hold(rb_check(&root));
        if (root.top)
            erase(&root, item_of(rb_last(&root)));
    }
    free(items);
}
END_TEST

/* The checker is no yes-man. */
START_TEST(check_sees)
{
    struct item items[7];
    struct rb_root root = {NULL};
    memset(items, 0, sizeof items);
    must_hold(rb_check(&root));
    must(rb_first(&root) == NULL);
    must(rb_last(&root) == NULL);
    for (uint32_t i = 0; i < 7; i++) {
        items[i].key = i;
        insert(&root, &items[i]);
    }
    must_hold(rb_check(&root));
    struct rb_node *top = root.top, *leaf = rb_first(&root), *saved = leaf->parent;
    top->red = true;
    must(rb_check(&root) != NULL);
    top->red = false;
    leaf->red = !leaf->red;
    must(rb_check(&root) != NULL);
    leaf->red = !leaf->red;
    leaf->parent = NULL; /* the walk ends at once */
    must(rb_check(&root) != NULL);
    leaf->parent = rb_last(&root);
    must(rb_check(&root) != NULL);
    leaf->parent = saved;
    must_hold(rb_check(&root));
}
END_TEST

int main(void) {
    Suite *s = suite_create("rbtree");
    TCase *t = tcase_create("rbtree");
    tcase_add_loop_test(t, random_ops, 0, 3);
    tcase_add_loop_test(t, sorted_input_stays_flat, 0, 2);
    tcase_add_test(t, check_sees);
    suite_add_tcase(s, t);
    return run_suite(s);
}
