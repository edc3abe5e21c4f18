/**
 * Hooks after a protected call, in fengari, before its base library loads. Pure, but for what it changes in fengari.
 *
 * `lua_pcallk` must remember whether hooks are allowed, to restore it when the call ends by an error; fengari only
 * ever forgets it. Left so, a script whose pcall has caught one error gets no count hook any more: it runs on without
 * slices, the event loop stands still, and nothing can end it.
 */
import lapi from "fengari/src/lapi.js"

const call = lapi.lua_pcallk
lapi.lua_pcallk = (L, ...args) => {
  // CIST_OAH is bit 0; where hooks are not allowed, fengari clears it itself
  L.ci.callstatus |= L.allowhook
  return call(L, ...args)
}
