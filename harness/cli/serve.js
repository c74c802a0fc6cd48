// Asks for the page again while something runs, and shows what has changed
// without losing the place, the focus or what is open.
(function () {
  'use strict';
  var every = +document.body.dataset.refresh;
  if (!every) return;
  function path(e) { var p = []; for (; e && e.parentNode; e = e.parentNode) p.unshift(Array.prototype.indexOf.call(e.parentNode.children, e)); return p.join('>'); }
  function again() {
    fetch(location.href, { cache: 'no-store' }).then(function (r) { return r.ok ? r.text() : Promise.reject(); }).then(function (text) {
      var fresh = new DOMParser().parseFromString(text, 'text/html'), now = document.querySelector('main'), next = fresh.querySelector('main');
      every = +fresh.body.dataset.refresh;
      if (next && next.innerHTML !== now.innerHTML) {
        var focus = path(document.activeElement), open = Array.from(now.querySelectorAll('details[open] > summary')).map(function (s) { return s.textContent; });
        var log = now.querySelector('pre.log'), down = log && log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
        next.querySelectorAll('details > summary').forEach(function (s) { if (open.indexOf(s.textContent) >= 0) s.parentNode.open = true; });
        now.replaceWith(document.adoptNode(next));
        document.querySelectorAll('main a, main summary, main [tabindex]').forEach(function (e) { if (path(e) === focus) e.focus({ preventScroll: true }); });
        log = document.querySelector('pre.log');
        if (log && down) log.scrollTop = log.scrollHeight;
      }
      document.getElementById('live').textContent = every ? 'live' : 'finished';
      if (every) setTimeout(again, 1000 * every);
    }, function () {
      document.getElementById('live').textContent = 'no answer from hardneg serve; trying again';
      setTimeout(again, 5000);
    });
  }
  setTimeout(again, 1000 * every);
  var log = document.querySelector('pre.log');
  if (log) log.scrollTop = log.scrollHeight;
})();
