// A compiled module, mapped and linked, ready to be invoked any number of times.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/units.h"

struct wsb_program;

namespace wasabi::engine {

class Engine;

enum class ProgramKind : std::uint8_t {
  kWasiP1Command,  // core module that exports `_start`
  kCliCommand,     // component that exports wasi:cli/run@0.2.x
  kHttpProxy,      // component that exports wasi:http/incoming-handler@0.2.x
};

std::string_view toString(ProgramKind kind);

// Thread-safe. Invocations keep what they need of it alive, so the last reference may go while some run; once they
// are gone too, its mappings and its warm pool slots are given back.
class Program {
 public:
  // Maps the compiled module that `file` is open on; the descriptor is not needed afterwards. The file's bytes become
  // native code of this process: the caller has verified that our compiler wrote them, and nobody may change the file
  // while the program lives. Reads the file, takes about a millisecond: not for an event loop's thread. The program
  // keeps one descriptor open; components need /proc and the right to read the file. kInvalid: a module of another
  // kind, with unknown imports, or compiled for another engine; the message says what it is and what is accepted.
  static Result<std::shared_ptr<const Program>> load(const Engine& engine, const FileDescriptor& file);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  ProgramKind kind() const { return kind_; }
  // Of all memories together, at most; 0 where it is not known before the start.
  ByteSize initialMemory() const { return initial_memory_; }
  std::uint64_t initialTableElements() const { return initial_table_elements_; }
  // Size of the mapped image.
  ByteSize codeSize() const { return code_size_; }

 private:
  friend class Invocation;

  explicit Program(wsb_program* program);

  wsb_program* program_;
  ProgramKind kind_;
  ByteSize initial_memory_;
  std::uint64_t initial_table_elements_;
  ByteSize code_size_;
};

}  // namespace wasabi::engine
