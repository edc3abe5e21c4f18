// Types of options.mjs, so that strict TypeScript tests can use it.

/** Command line options, checked against the defaults' names and types. */
export function options<A extends Record<string, string | number | boolean>>(
  defaults: A,
  usage: string,
  argv?: ReadonlyArray<string>
): A

export interface Random {
  /** 32 random bits, as an unsigned integer */
  readonly next: () => number
  /** an integer in [0, n) */
  readonly below: (n: number) => number
  /** true once in n times */
  readonly oneIn: (n: number) => boolean
  readonly pick: <A>(list: ReadonlyArray<A>) => A
  /** an integer in [low, high] */
  readonly between: (low: number, high: number) => number
}

/** Seeded random numbers: the same seed gives the same run. */
export function random(seed: number): Random
export function freshSeed(): number
