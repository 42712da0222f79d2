/*
 * Images in a NOR flash that is mapped into memory: one slot or two, and behind the board's back a log of which one runs.
 *
 * The flash begins with the two sectors of the log, then come the slots. A record of the log is a page of its own, which
 * is programmed once: `MMFL`, number, slot, whether it is confirmed, CRC-32. The newest whole one counts. A sector that
 * is full is followed by the other one, erased before: so there is always a whole record, whenever the power goes.
 */
#ifndef MMF_STORE_H
#define MMF_STORE_H

#include "check.h"

#define MMF_PAGE_BYTES 256u
#define MMF_MAX_SLOTS 2u
#define MMF_NO_SLOT UINT32_MAX

struct mmf_flash {
  const uint8_t *bytes;
  uint32_t length, sector_bytes; /* 4,096 or a multiple */
  /* Of a sector, of a page or its beginning; offsets in bytes. False if the part failed. */
  bool (*erase)(void *context, uint32_t offset);
  bool (*program)(void *context, uint32_t offset, const uint8_t *bytes, uint32_t length);
  void *context;
};

struct mmf_store {
  struct mmf_flash flash;
  uint32_t slots;
  /* The newest record. */
  uint32_t number, slot;
  bool is_confirmed;
  uint32_t page; /* of the log, where the next one goes */
};

/* slots: 1 or 2. Reads the log. */
void mmf_store_open(struct mmf_store *store, struct mmf_flash flash, uint32_t slots);

uint32_t mmf_store_slot_bytes(const struct mmf_store *store);
uint32_t mmf_store_slot_offset(const struct mmf_store *store, uint32_t slot);

/* The structure of what the slot holds; its bytes are still to be checked. */
bool mmf_store_read(const struct mmf_store *store, uint32_t slot, struct mmf_image *image);

/* From now on this slot runs. False if the flash failed. */
bool mmf_store_record(struct mmf_store *store, uint32_t slot, bool is_confirmed);

/* Bytes behind what is there, in an area that is erased; pages are not crossed in one go. */
bool mmf_store_program(const struct mmf_store *store, uint32_t offset, const uint8_t *bytes, uint32_t length);

#endif
