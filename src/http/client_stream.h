// Transports on Asio sockets. For the .cc files of this folder.
#pragma once

#include <cstdint>
#include <utility>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>

#include "http/client_transport.h"

namespace wasabi::http {

using TcpSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
// Of any family.
using StreamSocket =
    boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, boost::asio::io_context::executor_type>;
using TlsStream = boost::asio::ssl::stream<TcpSocket>;

// When the peer learns what has arrived. A server that writes the head and the body of a response one after the other,
// as many small ones do, is kept by its kernel from sending the second before the first is acknowledged, and the kernel
// here likes to wait 40 ms with that. At once costs a system call for each read.
enum class Acknowledgement : std::uint8_t { kAsTheKernelLikes, kAtOnce };

std::unique_ptr<Transport> plainTransport(StreamSocket socket,
                                          Acknowledgement acknowledgement = Acknowledgement::kAsTheKernelLikes);
// After the handshake.
std::unique_ptr<Transport> tlsTransport(std::unique_ptr<TlsStream> stream);

}  // namespace wasabi::http
