#include "http/byte_buffer.h"

#include <algorithm>

namespace wasabi::http {

namespace {

constexpr std::size_t kSmallest = 1024;

}  // namespace

void ByteBuffer::shrink(std::size_t keep) {
  if (capacity_ > keep && size() <= keep) moveTo(keep);
}

void ByteBuffer::makeRoom(std::size_t least) {
  const std::size_t content = size();
  // Moving within the memory is worth it when it frees at least half; otherwise many small writes would each move all.
  if (content + least <= capacity_ && content <= capacity_ / 2) {
    std::memmove(memory_.get(), memory_.get() + begin_, content);
    begin_ = 0;
    end_ = content;
    return;
  }
  moveTo(std::max({kSmallest, 2 * capacity_, content + least}));
}

void ByteBuffer::moveTo(std::size_t capacity) {
  const std::size_t content = size();
  std::unique_ptr<char[]> memory;
  if (capacity > 0) memory.reset(new char[capacity]);
  if (content > 0) std::memcpy(memory.get(), memory_.get() + begin_, content);
  memory_ = std::move(memory);
  held_ += capacity;
  held_ -= capacity_;
  capacity_ = capacity;
  begin_ = 0;
  end_ = content;
}

}  // namespace wasabi::http
