// A page that may confirm itself: the browser that asked is the one that came.
document.querySelector("form[data-confirms-itself]")?.requestSubmit();
