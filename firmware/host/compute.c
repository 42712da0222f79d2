/*
 * The core as a filter, for comparisons with other machines: images and tokens from standard input, receipts to standard
 * output. Numbers are u32, little-endian.
 *
 * in   length of an image, the image, how many steps; for each step: flags, token, candidates wanted, then the sampler:
 *      top-k, 1/temperature, top-p, seed (two words), index. And so on to the end of the input.
 *      Flags: 1, the state is zero first; 2, the state is taken out, and brought back, first.
 * out  1 for an image that is right, else 0, and no steps may follow it; for each step: receipt, CRC-32 of the state, taps
 *      (L + 1), token chosen, count of candidates and id and logit of each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crc32.h"
#include "little-endian.h"
#include "model.h"

static void *room(size_t bytes) {
  void *memory = malloc(bytes > 0 ? bytes : 1);
  if (memory == NULL) exit(2);
  return memory;
}

static void read_bytes(void *to, size_t length) {
  if (fread(to, 1, length, stdin) != length) exit(2);
}

static uint32_t read_word(void) {
  uint8_t bytes[4];
  read_bytes(bytes, sizeof bytes);
  return mmf_u32(bytes);
}

static void write_word(uint32_t word) {
  uint8_t bytes[4];
  mmf_put_u32(bytes, word);
  if (fwrite(bytes, 1, sizeof bytes, stdout) != sizeof bytes) exit(2);
}

static bool is_right(struct mmf_image *image, const uint8_t *bytes, uint32_t length) {
  if (!mmf_image_read(image, bytes, length)) return false;
  struct mmf_check check;
  mmf_check_begin(&check, image);
  enum mmf_progress progress;
  do {
    progress = mmf_check_work(&check);
  } while (progress == MMF_GOES_ON);
  return progress == MMF_RIGHT;
}

static void step(struct mmf_model *model) {
  const struct mmf_shape *shape = &model->image->head.shape;
  const size_t state_bytes = 4 * (size_t)shape->layers * shape->hidden;
  const uint32_t flags = read_word(), token = read_word(), wanted = read_word();
  struct mmf_sampler sampler = {.top_k = read_word()};
  sampler.inverse_temperature = read_word();
  sampler.top_p = read_word();
  sampler.seed[0] = read_word();
  sampler.seed[1] = read_word();
  const uint32_t index = read_word();
  if (flags & 1) mmf_model_reset(model);
  if (flags & 2) {
    void *copy = room(state_bytes);
    memcpy(copy, model->state, state_bytes);
    mmf_model_reset(model);
    memcpy(model->state, copy, state_bytes);
    free(copy);
  }
  uint32_t taps[MMFREE_MAX_LAYERS + 1];
  mmf_model_step(model, token, wanted, taps);
  write_word(model->receipt);
  write_word(mmf_crc32(0, model->state, state_bytes));
  for (uint32_t tap = 0; tap <= shape->layers; tap++) write_word(taps[tap]);
  const uint16_t *tables =
      (const uint16_t *)(const void *)(model->image->bytes + model->image->head.sections[MMF_TABLES].offset);
  write_word(mmf_sample(&model->candidates, &sampler, tables + 257, index));
  write_word(model->candidates.count);
  for (uint32_t place = 0; place < model->candidates.count; place++) {
    write_word(model->candidates.list[place].id);
    write_word((uint32_t)model->candidates.list[place].logit);
  }
}

int main(void) {
  static struct mmf_model model;
  for (int byte = getchar(); byte != EOF; byte = getchar()) {
    ungetc(byte, stdin);
    const uint32_t length = read_word();
    uint8_t *bytes = room(length);
    read_bytes(bytes, length);
    struct mmf_image image;
    const bool computes = is_right(&image, bytes, length);
    write_word(computes);
    uint32_t steps = read_word();
    if (computes) {
      void *memory = room(mmf_model_bytes(&image.head.shape));
      mmf_model_open(&model, &image, memory);
      for (; steps > 0; steps--) step(&model);
      free(memory);
    }
    free(bytes);
  }
  return 0;
}
