// The machine's memory, shared by superpods and containers: each counts with all that it may have, whatever it uses.
//
// A container is started only where that fits beside all others. Superpods have what the operator gave them, as far as
// containers leave it. Lives on the control loop.
#pragma once

#include "base/check.h"
#include "base/units.h"

namespace wasabi::node {

class MachineRoom {
 public:
  // `capacity`: what superpods and containers may have together.
  explicit MachineRoom(ByteSize capacity) : capacity_(capacity) {}

  ByteSize capacity() const { return capacity_; }
  ByteSize taken() const { return ByteSize{superpods_.value + containers_.value}; }
  bool fitsContainer(ByteSize memory) const { return fits(memory); }
  bool fitsSuperpod(ByteSize memory) const { return containers_.value == 0 || fits(memory); }

  void takeContainer(ByteSize memory) { containers_.value += memory.value; }
  void takeSuperpod(ByteSize memory) { superpods_.value += memory.value; }
  void giveBackContainer(ByteSize memory) { giveBack(containers_, memory); }
  void giveBackSuperpod(ByteSize memory) { giveBack(superpods_, memory); }

 private:
  bool fits(ByteSize memory) const {
    return taken().value <= capacity_.value && memory.value <= capacity_.value - taken().value;
  }
  static void giveBack(ByteSize& from, ByteSize memory) {
    WASABI_CHECK(from.value >= memory.value);
    from.value -= memory.value;
  }

  const ByteSize capacity_;
  ByteSize superpods_{};
  ByteSize containers_{};
};

}  // namespace wasabi::node
