#include "queueproxy/tls_renewal.h"

#include <utility>

namespace wasabi::queueproxy {

TlsRenewal::TlsRenewal(http::EventLoop& loop, std::shared_ptr<http::ServerTls> tls, Logger& log)
    : loop_(loop), tls_(std::move(tls)), log_(log), timer_(loop) {
  wait();
}

void TlsRenewal::wait() {
  timer_.arm(loop_.now() + kPeriod, [this] { renew(); });
}

void TlsRenewal::renew() {
  const http::ServerTls::Reload reload = tls_->reload();
  if (reload.replaced > 0) log_.info("certificate renewed");
  std::string complaint = reload.refused.empty() ? std::string() : reload.refused.front().message();
  if (!complaint.empty() && complaint != complaint_) {
    log_.error("certificate not renewed, the one before stays in force", {{"reason", complaint}});
  }
  complaint_ = std::move(complaint);
  wait();
}

}  // namespace wasabi::queueproxy
