// Fetching one file by TFTP. Steps and rules: doc/protocols/tftp.md.
#pragma once

#include "base/types.hpp"
#include "net/wait.hpp"
#include "tftp/transfer.hpp"

namespace tserver::tftp {

struct Server {
    Host host;
    Port port = 69;
};

struct Download {
    Bytes file;
    net::Address from;  ///< address and port (transfer id) that sent the file
    Facts facts;
    /// Answers repeats of the last block while it lives, three seconds at most: our last acknowledgement may
    /// have been lost. Dropping it costs the server a few repeats and nothing else; it holds one socket
    /// and must not outlive the loop.
    net::Job farewell;
};

/// Reads the file into memory. The name is resolved anew each time, and its addresses are tried in turn
/// within the one deadline of `limits`. Every request leaves from a socket and a random port of its own.
/// @param file_name  printable ASCII, 1 to 128 octets.
/// @return TFTP_UNREACHABLE   silence, ICMP refusal, or the deadline: the detail says which and how far it
/// got
///         TFTP_REFUSED       ERROR with its escaped text
///         CTL_NOT_FOUND      ERROR 1
///         TFTP_PROTOCOL      what no TFTP server may send, an answer from another address, or a file that
///                            twice was not as long as announced
///         CTL_TOO_LARGE, NAME_RESOLUTION, OUT_OF_RESOURCES (no socket)
net::Task<Result<Download>> fetch(net::Loop& loop, Server server, std::string file_name, Limits limits = {});

}  // namespace tserver::tftp
