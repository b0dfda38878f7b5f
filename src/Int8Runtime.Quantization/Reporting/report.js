/* Sorts tables by a click on a heading, and opens what is folded while the page is printed. Written without the characters that XML would escape. */
document.querySelectorAll("table.sortable").forEach(function (table) {
  var headings = Array.from(table.querySelectorAll("th"));
  function key(row, column) {
    var cell = row.cells[column];
    if (cell.dataset.sort === undefined) return cell.textContent;
    return cell.dataset.sort === "" ? null : Number(cell.dataset.sort);
  }
  function compare(a, b) {
    if (typeof a === "number") return a - b;
    return String(a).localeCompare(String(b));
  }
  function sort(column) {
    var heading = headings[column];
    var ascending = heading.getAttribute("aria-sort") !== "ascending";
    headings.forEach(function (other) { other.removeAttribute("aria-sort"); });
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    var body = table.tBodies[0];
    Array.from(body.rows).sort(function (x, y) {
      var a = key(x, column);
      var b = key(y, column);
      if (a === null) return b === null ? 0 : 1;
      if (b === null) return -1;
      return ascending ? compare(a, b) : compare(b, a);
    }).forEach(function (row) { body.appendChild(row); });
  }
  headings.forEach(function (heading, column) {
    heading.addEventListener("click", function () { sort(column); });
    heading.addEventListener("keydown", function (event) { if (event.key === "Enter") sort(column); });
  });
});
var folded = [];
window.addEventListener("beforeprint", function () {
  folded = Array.from(document.querySelectorAll("details:not([open])"));
  folded.forEach(function (element) { element.open = true; });
});
window.addEventListener("afterprint", function () {
  folded.forEach(function (element) { element.open = false; });
});
