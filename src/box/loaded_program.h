// A program of the engine and the hold on the file that its code is mapped from.
#pragma once

#include <memory>
#include <utility>

#include "catalog/held_file.h"
#include "engine/program.h"

namespace wasabi::box {

// Thread-safe. Whoever runs it, or keeps an instance of it, keeps it: the file is let go with the last of them, when
// nothing uses its mapping any more.
class LoadedProgram {
 public:
  LoadedProgram(catalog::HeldFile file, std::shared_ptr<const engine::Program> program)
      : file_(std::move(file)), program_(std::move(program)) {}

  const engine::Program& program() const { return *program_; }
  // Somebody wants to write the file: let go of the program at once.
  bool isWanted() const { return file_.isWanted(); }
  std::optional<Error> whyNotHeld() const { return file_.whyNotHeld(); }

 private:
  const catalog::HeldFile file_;  // let go last
  const std::shared_ptr<const engine::Program> program_;
};

using ProgramPtr = std::shared_ptr<const LoadedProgram>;

}  // namespace wasabi::box
