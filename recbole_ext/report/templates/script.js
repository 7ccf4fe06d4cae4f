"use strict";
(function () {
  var key = function (cell) {
    return cell.dataset.v === undefined ? cell.textContent.trim() : Number(cell.dataset.v);
  };
  var empty = function (cell) { return cell.dataset.v === undefined && cell.textContent.trim() === "–"; };
  document.querySelectorAll("th button").forEach(function (button) {
    button.addEventListener("click", function () {
      var head = button.closest("th"), body = button.closest("table").tBodies[0];
      var column = head.cellIndex, rows = Array.from(body.rows);
      var words = rows.every(function (row) { return row.cells[column].dataset.v === undefined; });
      var old = head.getAttribute("aria-sort");
      var up = old ? old === "descending" : words;
      head.parentNode.querySelectorAll("th").forEach(function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      rows.sort(function (a, b) {
        var x = a.cells[column], y = b.cells[column];
        if (empty(x) || empty(y)) { return empty(x) - empty(y); }
        var order = words ? key(x).localeCompare(key(y)) : key(x) - key(y);
        return up ? order : -order;
      }).forEach(function (row) { body.appendChild(row); });
    });
  });

  var tip = document.getElementById("tip");
  var show = function (event) {
    var mark = event.target.closest ? event.target.closest(".mark") : null;
    if (!mark) { tip.hidden = true; return; }
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    var space = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = Math.max(8, Math.min(event.pageX + 12, window.scrollX + space)) + "px";
    tip.style.top = event.pageY + 16 + "px";
  };
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);

  var links = Array.from(document.querySelectorAll("nav.contents a"));
  if ("IntersectionObserver" in window) {
    var watcher = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        if (!entry.isIntersecting) { return; }
        links.forEach(function (link) { link.classList.toggle("here", link.hash === "#" + entry.target.id); });
      });
    }, { rootMargin: "-10% 0px -75% 0px" });
    document.querySelectorAll("section").forEach(function (section) { watcher.observe(section); });
  }

  var folded = [];
  window.addEventListener("beforeprint", function () {
    folded = Array.from(document.querySelectorAll("details:not([open])"));
    folded.forEach(function (part) { part.open = true; });
  });
  window.addEventListener("afterprint", function () {
    folded.forEach(function (part) { part.open = false; });
  });
})();
