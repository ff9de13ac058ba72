// What AssemblyScript's programs ask their host for. Built by build.sh.

import { Math as HostMath } from "bindings/dom";

export function fail(how: i32): i32 {
  if (how == 1) throw new Error("too large: Ünïcödé 😀");
  assert(how != 2, "not two");
  assert(how != 3);
  return how;
}

export function tell(): void {
  trace("five", 5, 1, -2.5, 0.1, 1e21, 1e-7);
  trace("three", 3, NaN, -Infinity, 123456789.125);
  trace("none");
}

export function talk(): void {
  console.log("log äöü");
  console.debug("debug");
  console.info("info");
  console.warn("warn");
  console.error("error");
  console.assert(true, "right");
  console.assert(false, "wrong");
  console.log("x".repeat(10000));
}

export function leave(code: i32): void {
  process.exit(code);
}

export function random(): f64 {
  return Math.random();
}

export function hostRandom(): f64 {
  return HostMath.random();
}

export function now(): i64 {
  return Date.now();
}

export function ticks(): f64 {
  return performance.now();
}
