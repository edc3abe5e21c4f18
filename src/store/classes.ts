/**
 * Size classes of the blocks that a heap hands out: how many units a block has that was asked for some. Pure.
 * A unit is 8 bytes. Exact to 1 KiB, then eight steps a doubling, to 128 KiB.
 */
const EXACT_UNITS = 128

/** Units of the largest block that a segment is cut into. */
export const CLASS_UNITS_MAX = 1 << 14
/** Classes are numbered below this. */
export const CLASSES = 128 + 7 * 8 + 1
/** Classes above this have steps: a block may be larger than what was asked for. */
export const EXACT_CLASS_MAX = EXACT_UNITS

/** The size class of a block of `units` units. */
export const classOfUnits = (units: number): number => {
  if (units <= EXACT_UNITS) return units
  const power = 31 - Math.clz32(units - 1)
  const stepBits = power - 3
  return 128 + ((power - 7) << 3) + (((units - (1 << power) - 1) >> stepBits) + 1)
}

/** How many units a block of a class has. */
export const unitsOfClass = (sizeClass: number): number => {
  if (sizeClass <= EXACT_UNITS) return sizeClass
  const power = 7 + ((sizeClass - 129) >> 3)
  return (1 << power) + ((((sizeClass - 129) & 7) + 1) << (power - 3))
}
