// Behind all others: what the server has said already is shown.
watch('value', refresh);
refresh();
