#include "model.h"

#include "bytes.h"
#include "crc32.h"
#include "fixed-point.h"
#include "place.h"

#define HIDDEN shape->hidden
#define INTERMEDIATE shape->intermediate
#define VOCAB shape->vocab

/* Places of vectors in a block, in int16 from its beginning. */
struct head_block {
#define FIELD(name, columns, first, last) const int16_t *name;
  MMFREE_HEAD_VECTORS(FIELD)
};

struct layer_block {
  MMFREE_LAYER_VECTORS(FIELD)
#undef FIELD
};

/* Slots of a block's constants, by name: MMFREE_SLOT of a constant, of a product's mantissa. */
#define SLOT(name, slot, first, last) SLOT_##name = (slot),
#define SCALE_SLOT(name, rows, columns, gain, slot) SCALE_##name = (slot),
enum { MMFREE_HEAD_CONSTANTS(SLOT) MMFREE_LAYER_CONSTANTS(SLOT) };
enum { MMFREE_HEAD_MATRICES(SCALE_SLOT) MMFREE_LAYER_MATRICES(SCALE_SLOT) };

#define TAKE(name, columns, first, last) \
  block.name = at;                       \
  at += (columns);

static struct head_block head_block_of(const struct mmf_image *image) {
  const struct mmf_shape *shape = &image->head.shape;
  const int16_t *at = mmf_head_block(image) + MMFREE_BLOCK_CONSTANTS;
  struct head_block block;
  MMFREE_HEAD_VECTORS(TAKE)
  return block;
}

static struct layer_block layer_block_of(const struct mmf_image *image, uint32_t layer) {
  const struct mmf_shape *shape = &image->head.shape;
  const int16_t *at = mmf_layer_block(image, layer) + MMFREE_BLOCK_CONSTANTS;
  struct layer_block block;
  MMFREE_LAYER_VECTORS(TAKE)
  return block;
}

static uint32_t even(uint32_t count) {
  return (count + 1) & ~1u;
}

static uint32_t widest(const struct mmf_shape *shape) {
  return shape->hidden > shape->intermediate ? shape->hidden : shape->intermediate;
}

uint32_t mmf_model_bytes(const struct mmf_shape *shape) {
  const uint32_t words = (shape->layers + 1) * shape->hidden + widest(shape);
  const uint32_t halves = 3 * even(shape->hidden) + even(widest(shape));
  return 4 * words + 2 * halves + ((widest(shape) + 3) & ~3u);
}

void mmf_model_open(struct mmf_model *model, const struct mmf_image *image, void *memory) {
  const struct mmf_shape *shape = &image->head.shape;
  int32_t *words = memory;
  model->image = image;
  model->state = words;
  model->x = model->state + shape->layers * shape->hidden;
  model->v = model->x + shape->hidden;
  int16_t *halves = (int16_t *)(model->v + widest(shape));
  model->i = halves;
  model->f = model->i + even(shape->hidden);
  model->g = model->f + even(shape->hidden);
  model->unit.n = model->g + even(shape->hidden);
  model->q = (int8_t *)(model->unit.n + even(widest(shape)));
  model->breathe = 0;
  model->multiply = mmf_multiply;
  memcpy(model->sigma, image->bytes + image->head.sections[MMF_TABLES].offset, 2 * MMF_SIGMA_ENTRIES);
  mmf_trits_init(&model->trits);
  mmf_model_reset(model);
}

void mmf_model_reset(struct mmf_model *model) {
  const struct mmf_shape *shape = &model->image->head.shape;
  memset(model->state, 0, 4 * (size_t)shape->layers * shape->hidden);
}

/* Q11 from Q8, for the table. */
static int32_t up3(int32_t p) {
  return mmf_sat16(p * 8);
}

/* σ of a Q11 number, Q15: docs/ARITHMETIC.md, section 3. */
static int32_t sigma(const uint16_t *table, int32_t p) {
  const uint32_t magnitude = mmf_magnitude(p);
  const uint32_t a = magnitude < 32767 ? magnitude : 32767;
  const int32_t low = table[a >> 7], rise = table[(a >> 7) + 1] - low;
  const int32_t y = low + ((rise * (int32_t)(a & 127) + 64) >> 7);
  return p < 0 ? 32768 - y : y;
}

/* The products of a step, in the order of the file. */
struct walk {
  const uint8_t *matrix;
  const int16_t *constants;
};

void mmf_multiply(struct mmf_model *model, const struct mmf_product *product) {
  for (uint32_t row = 0; row < product->rows; row += MMF_CHUNK_ROWS) {
    const uint32_t count = product->rows - row < MMF_CHUNK_ROWS ? product->rows - row : MMF_CHUNK_ROWS;
    const uint32_t first = row / MMF_GROUP_ROWS, end = (row + count + MMF_GROUP_ROWS - 1) / MMF_GROUP_ROWS;
    mmf_product(&model->trits, product->matrix, product->columns, model->q, first, end, model->sums);
    for (uint32_t index = 0; index < count; index++) model->sums[index] = mmf_output(product->scale, model->sums[index]);
    product->take(model, product->to, row, model->sums, count);
    if (model->breathe != 0) model->breathe(model->context);
  }
}

static void multiply(struct mmf_model *model, struct walk *walk, uint32_t rows, const int16_t *gain, uint32_t slot,
                     mmf_take_rows *take, void *to) {
  const uint32_t columns = model->unit.columns;
  /* What the unit has taken is in model->v no more than in model->unit: there is room. */
  const struct mmf_scale scale =
      mmf_quantise(&model->unit, gain, walk->constants[slot], walk->constants[slot + 1], model->v, model->q);
  const struct mmf_product product = {walk->matrix, rows, columns, scale, take, to};
  model->multiply(model, &product);
  walk->matrix += mmf_matrix_bytes(rows, columns);
}

static void take_16(struct mmf_model *model, void *to, uint32_t first, const int32_t *outputs, uint32_t count) {
  (void)model;
  int16_t *values = to;
  for (uint32_t index = 0; index < count; index++) values[first + index] = (int16_t)mmf_sat16(outputs[index]);
}

static void add_to_residual(struct mmf_model *model, void *to, uint32_t first, const int32_t *outputs, uint32_t count) {
  (void)to;
  int32_t *x = model->x + first;
  for (uint32_t index = 0; index < count; index++) x[index] = mmf_sat31(x[index] + mmf_sat31(outputs[index]));
}

/* Gate and up rows alternate, and a chunk has an even number of rows: z takes the place of v. */
static void take_gated(struct mmf_model *model, void *to, uint32_t first, const int32_t *outputs, uint32_t count) {
  const uint16_t *table = model->sigma;
  int32_t *z = (int32_t *)to + first / 2;
  for (uint32_t index = 0; index < count; index += 2) {
    const int32_t gate = mmf_sat16(outputs[index]), up = mmf_sat16(outputs[index + 1]);
    *z++ = mmf_mul15(gate * sigma(table, up3(gate)), up < -32767 ? -32767 : up);
  }
}

static void take_logits(struct mmf_model *model, void *to, uint32_t first, const int32_t *outputs, uint32_t count) {
  (void)to;
  for (uint32_t index = 0; index < count; index++) {
    const int32_t logit = mmf_sat31(outputs[index]);
    model->receipt = mmf_crc32(model->receipt, &logit, sizeof logit);
    mmf_candidates_add(&model->candidates, first + index, logit);
  }
}

static void normalise_residual(struct mmf_model *model, const int16_t *norm) {
  const uint32_t hidden = model->image->head.shape.hidden;
  for (uint32_t k = 0; k < hidden; k++) model->v[k] = mmf_mul15(model->x[k], norm[k]);
  mmf_normalise(&model->unit, model->v, hidden, 0);
}

static void embed(struct mmf_model *model, uint32_t token) {
  const struct mmf_image *image = model->image;
  const uint8_t *row =
      image->bytes + image->head.sections[MMF_EMBEDDING].offset + token * mmf_row_bytes(&image->head.shape);
  const int32_t scale = row[0] | row[1] << 8;
  const uint32_t shift = (uint32_t)mmf_head_block(image)[SLOT_EMBEDDING_SHIFT];
  for (uint32_t k = 0; k < image->head.shape.hidden; k++) model->x[k] = mmf_rsh((int8_t)row[2 + k] * scale, shift);
}

/* The recurrence, then what the product o takes: h is the state of the layer. */
static void mix(struct mmf_model *model, const struct layer_block *block, uint32_t eps_shift, int32_t *h) {
  const uint16_t *table = model->sigma;
  const uint32_t hidden = model->image->head.shape.hidden;
  uint64_t squares = 0;
  for (uint32_t k = 0; k < hidden; k++) {
    const int32_t i = model->i[k], f = model->f[k], g = model->g[k];
    const int32_t si = i * sigma(table, up3(i));
    const int32_t c = (sigma(table, up3(-f)) * block->CLB[k] + 0x4000) >> 15;
    h[k] += mmf_mul15(si - h[k], c);
    const int32_t y = mmf_mul15(h[k], sigma(table, mmf_sat16(mmf_rsh(h[k], 12))));
    const int32_t b = (g * block->G_NORM[k] + 0x4000) >> 15;
    model->v[k] = mmf_mul15(y, b);
    squares += (uint32_t)(g * g);
  }
  mmf_normalise(&model->unit, model->v, hidden, eps_shift < 64 ? squares >> eps_shift : 0);
}

static void layer(struct mmf_model *model, struct walk *walk, uint32_t index) {
  const struct mmf_shape *shape = &model->image->head.shape;
  const struct layer_block block = layer_block_of(model->image, index);
  walk->constants = mmf_layer_block(model->image, index);
  normalise_residual(model, block.ATTN_NORM);
  multiply(model, walk, HIDDEN, block.I_GAIN, SCALE_I, take_16, model->i);
  multiply(model, walk, HIDDEN, block.F_GAIN, SCALE_F, take_16, model->f);
  multiply(model, walk, HIDDEN, block.G_GAIN, SCALE_G, take_16, model->g);
  mix(model, &block, (uint32_t)walk->constants[SLOT_G_EPS_SHIFT], model->state + index * HIDDEN);
  multiply(model, walk, HIDDEN, block.O_GAIN, SCALE_O, add_to_residual, 0);
  normalise_residual(model, block.MLP_NORM);
  multiply(model, walk, 2 * INTERMEDIATE, block.GATE_GAIN, SCALE_GATE_UP, take_gated, model->v);
  mmf_normalise(&model->unit, model->v, INTERMEDIATE, (uint64_t)INTERMEDIATE << 12);
  multiply(model, walk, HIDDEN, block.DOWN_GAIN, SCALE_DOWN, add_to_residual, 0);
}

void mmf_model_step(struct mmf_model *model, uint32_t token, uint32_t wanted, uint32_t *taps) {
  const struct mmf_image *image = model->image;
  const struct mmf_shape *shape = &image->head.shape;
  struct walk walk = {image->bytes + image->head.sections[MMF_TERNARY].offset, 0};
  embed(model, token);
  for (uint32_t index = 0; index < shape->layers; index++) {
    if (taps != 0) taps[index] = mmf_crc32(0, model->x, 4 * (size_t)HIDDEN);
    layer(model, &walk, index);
  }
  if (taps != 0) taps[shape->layers] = mmf_crc32(0, model->x, 4 * (size_t)HIDDEN);
  const struct head_block block = head_block_of(image);
  walk.constants = mmf_head_block(image);
  normalise_residual(model, block.FINAL_NORM);
  model->receipt = 0;
  mmf_candidates_begin(&model->candidates, wanted);
  multiply(model, &walk, VOCAB, block.HEAD_GAIN, SCALE_HEAD, take_logits, 0);
}
