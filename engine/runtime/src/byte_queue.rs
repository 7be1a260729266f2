//! Bytes on their way to a guest, in the order they were pushed in.

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::mem;

/// Smaller pieces are joined: the host bounds the bytes that wait, and a peer that sends them one by one must not make
/// each cost an allocation of its own.
const WHOLE_PIECE_BYTES: usize = 4 << 10;

#[derive(Default)]
pub struct ByteQueue {
    pieces: VecDeque<Bytes>,
    /// Comes after all pieces.
    tail: BytesMut,
}

impl ByteQueue {
    pub fn clear(&mut self) {
        self.pieces.clear();
        self.tail = BytesMut::new();
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.tail.is_empty()
    }

    pub fn push(&mut self, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        if self.is_empty() || data.len() >= WHOLE_PIECE_BYTES {
            self.seal_tail();
            self.pieces.push_back(Bytes::copy_from_slice(data));
            return;
        }
        self.tail.extend_from_slice(data);
        if self.tail.len() >= WHOLE_PIECE_BYTES {
            self.seal_tail();
        }
    }

    /// The first bytes, at most `size`; None if there are none.
    pub fn pop(&mut self, size: usize) -> Option<Bytes> {
        if self.pieces.is_empty() {
            self.seal_tail();
        }
        match self.pieces.front_mut() {
            Some(piece) if piece.len() > size => Some(piece.split_to(size)),
            _ => self.pieces.pop_front(),
        }
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(mem::take(&mut self.tail).freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(queue: &mut ByteQueue, size: usize) -> Vec<Bytes> {
        std::iter::from_fn(|| queue.pop(size)).collect()
    }

    #[test]
    fn keeps_the_order_over_pieces_of_all_sizes() {
        let mut queue = ByteQueue::default();
        let mut pushed = Vec::new();
        for size in [0, 1, 3, WHOLE_PIECE_BYTES, 5, 7, 2 * WHOLE_PIECE_BYTES, 1] {
            let data: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
            queue.push(&data);
            pushed.extend(data);
        }
        assert_eq!(drain(&mut queue, 1000).concat(), pushed);
        assert!(queue.is_empty());
    }

    #[test]
    fn bytes_that_come_one_by_one_wait_together() {
        let mut queue = ByteQueue::default();
        for _ in 0..(64 << 10) {
            queue.push(b"x");
        }
        let pieces = drain(&mut queue, usize::MAX);
        assert_eq!(pieces.concat().len(), 64 << 10);
        assert!(pieces.len() <= 2 + (64 << 10) / WHOLE_PIECE_BYTES);
    }

    #[test]
    fn nothing_is_left_after_clearing() {
        let mut queue = ByteQueue::default();
        queue.push(b"a");
        queue.push(b"b");
        queue.clear();
        assert!(queue.is_empty());
        assert!(queue.pop(1).is_none());
    }
}
