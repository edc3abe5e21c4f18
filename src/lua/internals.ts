/**
 * The modules of fengari that are corrected. Pure.
 *
 * The order of the imports matters: numbers.js and strings.js change modules that the others read when they load, so
 * whoever needs fengari's modules takes them from here.
 */
import "./numbers.js"
import "./strings.js"
import ldebug from "fengari/src/ldebug.js"
import ldo from "fengari/src/ldo.js"
import lfunc from "fengari/src/lfunc.js"
import lobject from "fengari/src/lobject.js"
import lstate from "fengari/src/lstate.js"
import lstring from "fengari/src/lstring.js"
import ltable from "fengari/src/ltable.js"
import ltm from "fengari/src/ltm.js"
import lvm from "fengari/src/lvm.js"

export { ldebug, ldo, lfunc, lobject, lstate, lstring, ltable, ltm, lvm }
