#include "store.h"

#include "bytes.h"
#include "crc32.h"
#include "little-endian.h"

#define LOG_SECTORS 2u
#define RECORD_BYTES 20u

static const uint8_t MAGIC[4] = {'M', 'M', 'F', 'L'};

static uint32_t pages_of_sector(const struct mmf_store *store) {
  return store->flash.sector_bytes / MMF_PAGE_BYTES;
}

/* A record: magic, number, slot, 1 if it is confirmed, CRC-32 of these. */
static bool read_record(struct mmf_store *store, uint32_t page) {
  const uint8_t *bytes = store->flash.bytes + page * MMF_PAGE_BYTES;
  if (!mmf_equal(bytes, MAGIC, sizeof MAGIC)) return false;
  if (mmf_crc32(0, bytes, RECORD_BYTES - 4) != mmf_u32(bytes + RECORD_BYTES - 4)) return false;
  const uint32_t number = mmf_u32(bytes + 4), slot = mmf_u32(bytes + 8);
  if (number <= store->number || slot >= store->slots) return false;
  store->number = number;
  store->slot = slot;
  store->is_confirmed = mmf_u32(bytes + 12) == 1;
  return true;
}

static bool is_erased(const struct mmf_store *store, uint32_t offset, uint32_t length) {
  for (uint32_t index = 0; index < length; index++) {
    if (store->flash.bytes[offset + index] != 0xff) return false;
  }
  return true;
}

void mmf_store_open(struct mmf_store *store, struct mmf_flash flash, uint32_t slots) {
  *store = (struct mmf_store){.flash = flash, .slots = slots, .slot = MMF_NO_SLOT};
  for (uint32_t page = 0; page < LOG_SECTORS * pages_of_sector(store); page++) {
    if (read_record(store, page)) store->page = page + 1;
  }
}

uint32_t mmf_store_slot_bytes(const struct mmf_store *store) {
  const uint32_t sectors = store->flash.length / store->flash.sector_bytes;
  return (sectors - LOG_SECTORS) / store->slots * store->flash.sector_bytes;
}

uint32_t mmf_store_slot_offset(const struct mmf_store *store, uint32_t slot) {
  return LOG_SECTORS * store->flash.sector_bytes + slot * mmf_store_slot_bytes(store);
}

bool mmf_store_read(const struct mmf_store *store, uint32_t slot, struct mmf_image *image) {
  const uint8_t *bytes = store->flash.bytes + mmf_store_slot_offset(store, slot);
  struct mmf_head head;
  if (!mmf_head_read(&head, bytes) || head.file_length > mmf_store_slot_bytes(store)) return false;
  return mmf_image_read(image, bytes, head.file_length);
}

bool mmf_store_record(struct mmf_store *store, uint32_t slot, bool is_confirmed) {
  const uint32_t pages = pages_of_sector(store);
  uint8_t record[RECORD_BYTES];
  memcpy(record, MAGIC, sizeof MAGIC);
  mmf_put_u32(record + 4, store->number + 1);
  mmf_put_u32(record + 8, slot);
  mmf_put_u32(record + 12, is_confirmed);
  mmf_put_u32(record + RECORD_BYTES - 4, mmf_crc32(0, record, RECORD_BYTES - 4));
  /* A page that a power cut tore is skipped, and a sector is erased where the next record would be its first. */
  uint32_t page = store->page % (LOG_SECTORS * pages);
  while (page % pages != 0 && !is_erased(store, page * MMF_PAGE_BYTES, MMF_PAGE_BYTES)) page = (page + 1) % (LOG_SECTORS * pages);
  if (page % pages == 0 && !is_erased(store, page * MMF_PAGE_BYTES, store->flash.sector_bytes)) {
    if (!store->flash.erase(store->flash.context, page * MMF_PAGE_BYTES)) return false;
  }
  if (!store->flash.program(store->flash.context, page * MMF_PAGE_BYTES, record, sizeof record)) return false;
  store->page = page + 1;
  store->number++;
  store->slot = slot;
  store->is_confirmed = is_confirmed;
  return true;
}

bool mmf_store_program(const struct mmf_store *store, uint32_t offset, const uint8_t *bytes, uint32_t length) {
  while (length > 0) {
    const uint32_t room = MMF_PAGE_BYTES - offset % MMF_PAGE_BYTES, piece = length < room ? length : room;
    if (!store->flash.program(store->flash.context, offset, bytes, piece)) return false;
    offset += piece;
    bytes += piece;
    length -= piece;
  }
  return true;
}
