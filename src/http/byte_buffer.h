// A queue of bytes in one piece of memory: filled at the end, read at the front.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace wasabi::http {

class ByteBuffer {
 public:
  // Memory held is added to `held`, which outlives the buffer.
  explicit ByteBuffer(std::uint64_t& held) : held_(held) {}
  ~ByteBuffer() { held_ -= capacity_; }
  ByteBuffer(const ByteBuffer&) = delete;
  ByteBuffer& operator=(const ByteBuffer&) = delete;

  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::string_view view() const { return {memory_.get() + begin_, size()}; }
  std::size_t capacity() const { return capacity_; }

  // At least `least` bytes to write to, and all that is free at the end beyond them. May move the content.
  std::span<char> prepare(std::size_t least) {
    if (begin_ == end_) begin_ = end_ = 0;
    if (capacity_ - end_ < least) makeRoom(least);
    return {memory_.get() + end_, capacity_ - end_};
  }
  // So many of the prepared bytes were written. Between prepare() and commit() nothing but consume() may be called.
  void commit(std::size_t size) { end_ += size; }

  void append(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(prepare(text.size()).data(), text.data(), text.size());
    commit(text.size());
  }
  void consume(std::size_t size) { begin_ += size; }

  // Gives memory beyond `keep` back if the content fits into that.
  void shrink(std::size_t keep);

 private:
  void makeRoom(std::size_t least);
  void moveTo(std::size_t capacity);

  std::uint64_t& held_;
  std::unique_ptr<char[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace wasabi::http
