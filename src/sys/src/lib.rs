//! Every raw system call: ids, limits, sockets, descriptor passing, splice, fork; the only room with `unsafe`.
