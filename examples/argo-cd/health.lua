-- Argo CD's health of a SalesImport. In the ConfigMap argocd-cm, under the key
-- resource.customizations.health.takings.dev_SalesImport.
local health = { status = "Progressing", message = "The operator has not seen it yet." }
local status = obj.status
if status == nil or status.conditions == nil then
  return health
end
if status.observedGeneration ~= obj.metadata.generation then
  health.message = "The operator has not seen the newest spec yet."
  return health
end
for _, condition in ipairs(status.conditions) do
  if condition.type == "Ready" then
    health.message = condition.reason .. ": " .. condition.message
    if condition.reason == "Suspended" then
      health.status = "Suspended"
    end
  end
  if condition.status == "True" then
    if condition.type == "Ready" then
      health.status = "Healthy"
    elseif condition.type == "Stalled" then
      health.status = "Degraded"
    end
  end
end
return health
