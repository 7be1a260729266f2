// What becomes of an invocation that waits for its admission; see invocation.h.
#include "box/invocation.h"

namespace wasabi::box {

void Invocation::called(Reason waited_for) {
  waited_for_ = waited_for;
  ticket_ = 0;
  leftTheQueue();
  begins();
}

void Invocation::calledTooLate(Reason waited_for) {
  // One that was never the first in its line knows what it met when it came.
  if (waited_for != Reason::kQueueOrder) waited_for_ = waited_for;
  end(Reason::kDeadline);
}

void Invocation::begins() {
  if (evictions_ > 0) log_.beginAnew();
  enter(InvocationState::kLoading);
  booked_ = true;
  admitted_ = Clock::now();
}

void Invocation::leftTheQueue() {
  queued_ += Clock::now() - queued_from_;
}

}  // namespace wasabi::box
