#include "http/asker.h"

#include <utility>

#include "base/text.h"

namespace wasabi::http {

class Asker::Question final : public ClientObserver {
 public:
  Question(Asker& asker, const ClientRequest& request, const std::string& body, Take take)
      : asker_(asker), take_(std::move(take)), patience_(asker.loop_) {
    exchange_ = asker.client_.start(request, *this);
    patience_.arm(asker.loop_.now() + asker.limits_.patience, [this] {
      end(fail(ErrorCode::kTimeout, "no answer within " + wasabi::toString(asker_.limits_.patience)));
    });
    if (!request.has_body) return;
    exchange_->send(wasabi::bytesOf(body));
    exchange_->finishBody();
  }

 private:
  void onHead(const ResponseHead& head) override { answer_.status = head.status; }
  void onBody(std::span<const std::byte> chunk) override {
    if (!take_) return;
    if (answer_.body.size() + chunk.size() > asker_.limits_.most_bytes) {
      return end(fail(ErrorCode::kCorrupt,
                      "the answer is longer than " + std::to_string(asker_.limits_.most_bytes) + " bytes"));
    }
    answer_.body += textOf(chunk);
  }
  void onWritable() override {}
  void onEnd(const Fields&) override { end(std::move(answer_)); }
  void onFailure(ClientFailure, RequestProgress, const std::string& message) override {
    end(fail(ErrorCode::kUnavailable, message));
  }

  // The last thing it does: `take` may destroy all of this. Its exchange lives until the loop comes round, and may have
  // something to tell still.
  void end(Result<Answer> answer) {
    if (!take_) return;
    patience_.cancel();
    Take take = std::move(take_);
    asker_.forget(this);
    take(std::move(answer));
  }

  Asker& asker_;
  Take take_;
  Timer patience_;
  Answer answer_;
  std::unique_ptr<ClientExchange> exchange_;
};

Asker::Asker(EventLoop& loop, Client& client, const Limits& limits) : loop_(loop), client_(client), limits_(limits) {}

Asker::~Asker() = default;

void Asker::ask(ClientRequest request, const std::string& body, Take take) {
  request.has_body = !body.empty();
  request.connect_timeout = limits_.patience;
  open_.push_back(std::make_unique<Question>(*this, request, body, std::move(take)));
}

// It is on the stack still: its memory goes when the loop comes round.
void Asker::forget(Question* question) {
  for (auto& one : open_) {
    if (one.get() != question) continue;
    loop_.defer([gone = std::shared_ptr<Question>(std::move(one))] {});
    std::swap(one, open_.back());
    open_.pop_back();
    return;
  }
}

}  // namespace wasabi::http
