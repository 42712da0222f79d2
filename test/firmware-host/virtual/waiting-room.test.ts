import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WaitingRoom } from '../../../firmware-host/virtual/waiting-room.js';

/** As much of a socket as a waiting room sees. */
class FakeSocket extends EventEmitter {
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function guest(): Socket {
  return new FakeSocket() as unknown as Socket;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a waiting room', () => {
  it('closes a connection whose time is over, and not before', () => {
    const room = new WaitingRoom();
    const socket = guest();
    room.enter(socket);
    vi.advanceTimersByTime(9999);
    expect(socket.destroyed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(socket.destroyed).toBe(true);
  });

  it('gives no more time to a connection that enters twice', () => {
    const room = new WaitingRoom();
    const socket = guest();
    room.enter(socket);
    vi.advanceTimersByTime(9000);
    room.enter(socket);
    vi.advanceTimersByTime(1000);
    expect(socket.destroyed).toBe(true);
  });

  it('leaves alone who has left, until it comes back', () => {
    const room = new WaitingRoom();
    const socket = guest();
    room.enter(socket);
    room.leave(socket);
    vi.advanceTimersByTime(60_000);
    expect(socket.destroyed).toBe(false);
    room.enter(socket);
    vi.advanceTimersByTime(10_000);
    expect(socket.destroyed).toBe(true);
  });

  it('when it is full, closes the connection that has waited longest for each that comes', () => {
    const room = new WaitingRoom();
    const sockets = Array.from({ length: 200 }, guest);
    const served = guest();
    room.enter(served);
    room.leave(served);
    for (const socket of sockets) room.enter(socket);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual(sockets.map((_, index) => index < 200 - 32));
    expect(served.destroyed).toBe(false);
  });

  it('forgets connections that close, with their time', () => {
    const room = new WaitingRoom();
    const socket = guest();
    room.enter(socket);
    socket.destroy();
    expect(vi.getTimerCount()).toBe(0);
    room.enter(socket);
    expect(vi.getTimerCount()).toBe(0);
  });
});
