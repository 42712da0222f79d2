/*
 * Both processors take groups of five rows, whoever is free the next one; the first one also hands the outputs on, in order.
 * So neither waits for the other but at the end of a product.
 */
#include "products.h"

#include "bytes.h"
#include "cores.h"
#include "stream.h"

#define MOST_COLUMNS 768u
/* Groups between the first one whose outputs were not handed on and the last one that is computed. */
#define WINDOW 64u
/* Handed on at a time: an even number of rows. */
#define CHUNK 8u
#define NO_GROUP UINT32_MAX
#define SECOND_STACK_WORDS 256u

/* A product's raw sums: product.S. */
struct partial {
  uint32_t halves, fields, above_first, above_second;
};

typedef void product_of_group(const uint8_t *bytes, const int32_t *q, uint32_t columns, struct partial *sums);
product_of_group product_0, product_1;

/* By byte of the image; bytes above 242 stand for 0. */
__attribute__((section(".bank_0_bss"))) uint32_t product_table_0[256][2];
__attribute__((section(".bank_1_bss"))) uint32_t product_table_1[256][2];
__attribute__((section(".bank_1_bss"), aligned(8))) static uint32_t second_stack[SECOND_STACK_WORDS];

static int32_t q_words[MOST_COLUMNS];
__attribute__((section(".bank_0_bss"))) static int32_t outputs[WINDOW * MMF_GROUP_ROWS];
static volatile uint8_t is_done[WINDOW];

static struct {
  uint32_t groups, columns;
  uint32_t position; /* of the stream: where the matrix begins */
  struct mmf_scale scale;
  volatile uint32_t claimed, taken;
  volatile uint32_t current[2]; /* groups that are being computed */
  volatile bool is_open;
} job;

static int32_t weight(uint32_t byte, uint32_t row) {
  for (; row > 0; row--) byte /= 3;
  return (int32_t)(byte % 3) - 1;
}

static void fill_tables(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    const uint32_t trits = byte < 243 ? byte : 121;
    const uint32_t fields = (uint32_t)weight(trits, 0) + ((uint32_t)weight(trits, 1) << 11) + ((uint32_t)weight(trits, 2) << 22);
    const uint32_t halves = (uint32_t)weight(trits, 3) + ((uint32_t)weight(trits, 4) << 16);
    product_table_0[byte][0] = product_table_1[byte][0] = fields;
    product_table_0[byte][1] = product_table_1[byte][1] = halves;
  }
}

/* A group whose weights have come, or none. */
static uint32_t claim(uint32_t core) {
  lock();
  uint32_t group = job.claimed;
  const bool is_possible =
      job.is_open && group < job.groups && group - job.taken < WINDOW && stream_has(job.position + (group + 1) * job.columns);
  if (is_possible) {
    job.current[core] = group;
    job.claimed = group + 1;
  } else {
    group = NO_GROUP;
  }
  unlock();
  return group;
}

static void compute(uint32_t core, uint32_t group) {
  const uint32_t columns = job.columns;
  int32_t row3 = 0, row4 = 0;
  const struct mmf_scale scale = job.scale;
  struct partial partial;
  partial.fields = partial.above_first = partial.above_second = 0;
  for (uint32_t column = 0; column < columns;) {
    const uint32_t at = (job.position + group * columns + column) % STREAM_BYTES, room = STREAM_BYTES - at;
    uint32_t count = columns - column < 256 ? columns - column : 256;
    if (count > room) count = room;
    partial.halves = 0;
    (core == 0 ? product_0 : product_1)(stream_ring + at, q_words + column, count, &partial);
    const int32_t low = (int16_t)(partial.halves & 0xffff);
    row3 += low;
    row4 += (int16_t)((partial.halves - (uint32_t)low) >> 16);
    column += count;
  }
  const uint32_t fours = columns / 4;
  int32_t *to = outputs + group % WINDOW * MMF_GROUP_ROWS;
  to[0] = mmf_output(scale, (int32_t)(partial.fields - (partial.above_first << 11) - 1024 * fours));
  to[1] = mmf_output(scale, (int32_t)(partial.above_first - (partial.above_second << 11) - 1024 * fours));
  to[2] = mmf_output(scale, (int32_t)(partial.above_second - 512 * fours));
  to[3] = mmf_output(scale, row3);
  to[4] = mmf_output(scale, row4);
  __asm__ volatile("dmb" ::: "memory");
  is_done[group % WINDOW] = true;
  job.current[core] = NO_GROUP;
}

static void second_core(void) {
  for (;;) {
    const uint32_t group = claim(1);
    if (group != NO_GROUP) compute(1, group);
    else if (!job.is_open) wait_for_event();
  }
}

static uint32_t smaller(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

/* Weights that neither processor needs: read in this order, as a claim writes the other way round. */
static void free_weights(void) {
  const uint32_t claimed = job.claimed;
  const uint32_t group = smaller(claimed, smaller(job.current[0], job.current[1]));
  stream_used(job.position + group * job.columns);
}

/* The groups from `taken` on that are done, CHUNK of them or the last ones. */
static uint32_t done_groups(void) {
  const uint32_t count = smaller(CHUNK, job.groups - job.taken);
  for (uint32_t group = 0; group < count; group++) {
    if (!is_done[(job.taken + group) % WINDOW]) return 0;
  }
  return count;
}

static void take(struct mmf_model *model, const struct mmf_product *product, uint32_t count) {
  const uint32_t first = job.taken * MMF_GROUP_ROWS, rows = smaller(count * MMF_GROUP_ROWS, product->rows - first);
  product->take(model, product->to, first, outputs + job.taken % WINDOW * MMF_GROUP_ROWS, rows);
  for (uint32_t group = 0; group < count; group++) is_done[(job.taken + group) % WINDOW] = false;
  __asm__ volatile("dmb" ::: "memory");
  job.taken += count;
}

/* Words of four columns, none of which belongs to two rows. */
static bool is_streamed(const struct mmf_shape *shape) {
  return (shape->hidden | shape->intermediate) % 4 == 0 && shape->hidden <= MOST_COLUMNS && shape->intermediate <= MOST_COLUMNS;
}

void multiply_on_both(struct mmf_model *model, const struct mmf_product *product) {
  const struct mmf_image *image = model->image;
  if (!is_streamed(&image->head.shape)) {
    mmf_multiply(model, product);
    return;
  }
  const uint8_t *first = image->bytes + image->head.sections[MMF_TERNARY].offset;
  for (uint32_t column = 0; column < product->columns; column++) q_words[column] = model->q[column];
  lock();
  job.groups = (product->rows + MMF_GROUP_ROWS - 1) / MMF_GROUP_ROWS;
  job.columns = product->columns;
  job.position = stream_at(product->matrix, first, first + image->head.sections[MMF_TERNARY].length);
  job.scale = product->scale;
  job.claimed = job.taken = 0;
  job.is_open = true;
  unlock();
  send_event();
  while (job.taken < job.groups) {
    free_weights();
    const uint32_t count = done_groups();
    if (count > 0) {
      take(model, product, count);
      if (model->breathe != 0) model->breathe(model->context);
      continue;
    }
    const uint32_t group = claim(0);
    if (group != NO_GROUP) compute(0, group);
  }
  free_weights();
  job.is_open = false;
}

void start_products(void) {
  fill_tables();
  job.current[0] = job.current[1] = NO_GROUP;
  stream_start();
  start_second_core(second_core, second_stack + SECOND_STACK_WORDS);
}
